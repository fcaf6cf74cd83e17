"""System definitions: what a system is, how its file is read, and how it becomes something that can be evaluated."""
