//! End-to-end tests on real processes, over gRPC and the command line.

mod access;
mod authorization;
mod bad_input;
mod builds;
mod cancel;
mod command_line;
mod configuration;
mod crashes;
mod databases;
mod denied_reference;
mod deploy;
mod events;
mod fixture;
mod logs;
mod operation;
mod outages;
mod paging;
mod repeated_requests;
mod resolve;
mod single_service;
mod traces;
mod visibility;
