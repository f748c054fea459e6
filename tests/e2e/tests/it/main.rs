//! What users see, on real processes.

mod bad_input;
mod cancel;
mod catalog;
mod command_line;
mod dependencies;
mod deploy;
mod events;
mod faults;
mod logs;
mod permission;
mod processes;
mod traces;
mod visibility;
mod world;
