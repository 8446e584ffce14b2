//! Arguments, rendering, exit codes: the only place that prints.
