"""docker-compose.yml without an engine: its services as processes, each in a box made by bubblewrap.

`make stack` serves on this machine until Ctrl-C; `make stack EXIT=1` is a trial with studies and SIGKILLs. The files in
deploy/ are used as they are written. docs/operations.md says what that shows, and what not.
"""
