//! Tests of what the three services have in common: their configuration and its documentation.

mod configuration;
mod data_dir;
