//! End-to-end tests: real processes, called over gRPC and the command line. See `tests/it`.
