"""The platform's rules for django-q2: only the platform's jobs run, and stored jobs are read as data.

`offered` lists the jobs; `purge` and `retention` are some of them, and `wanted` reads their settings.
`broker` stores and returns jobs by name. `actions` lets operators run one now. `steering` follows the
settings in the parent of the processes, and `passed_on` passes them on to its children; `children` is what
those do besides their jobs. `results` reads the results of finished jobs, `outcomes` says them in a line, and
`schedules` when jobs ran and will run. `admin` has the pages for operators.
"""
