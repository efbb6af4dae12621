"""Several processes that receive, and one that owns the runs.

Every worker listens on the same ports, journals and acknowledges what it got, reads it, and tells the owner (the main
process) what it said. The owner has the windows, policies, ledger and exporters. The telemetry of one run may reach
any worker; it meets in the owner, so that findings do not depend on how many workers there are.
"""
