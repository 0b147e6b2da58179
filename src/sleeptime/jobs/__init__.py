"""Jobs: sleeps that run by themselves, in any number of processes on one database. docs/jobs.md tells how."""
