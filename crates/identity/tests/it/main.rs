//! Tokens as issuers, services and attackers make them, and keys in files and behind URLs.

mod algorithms;
mod callers;
mod expiry;
mod fixture;
mod key_file;
mod key_refresh;
mod tokens;
