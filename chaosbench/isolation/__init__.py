"""Untrusted code in a process of its own: what it may use and see, enforced by the kernel inside and watched from outside.

`process` and `watchdog` belong to the harness; `supervisor` is what the new process runs, before anything foreign is imported, and the rest
is what it does: limits, namespaces, a file system of its own, Landlock, and probes that try what should be impossible.
"""
