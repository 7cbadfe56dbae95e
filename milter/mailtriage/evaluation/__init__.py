"""How well mailtriage does on labelled mail: judged, measured, shown. Behind `mailtriage eval`."""
