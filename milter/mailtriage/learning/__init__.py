"""What is learned from labelled text: run by people and by `make`, never while a mail waits."""
