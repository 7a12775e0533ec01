"""The command line: prints, and decides nothing. A client of the wire, as every other one is.

Exit codes: 0 done (a job: Completed), 1 the job Failed, 2 bad input, 130 interrupted or stopped.
Each command lives in a module of its own, loaded when it is called; ``main`` knows them all.
"""
