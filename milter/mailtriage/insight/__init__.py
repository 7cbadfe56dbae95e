"""What the team can see: replies, promises, topics that rise. Pure: no clock, file or socket."""
