"""`python -m sleeptime` is the command `sleeptime`."""

from sleeptime.cli import main

main()
