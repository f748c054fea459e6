//! What the feed of the projections carries.

use slipway_names::unit::PolicyVersion;

use crate::domain::{grant::Grant, group::Membership};

/// A place in the history of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPosition {
    pub policy_version: PolicyVersion,
    /// Covers the hash of the previous version and the mutations of this one.
    pub hash: String,
}

/// The changes of one policy version, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    pub position: FeedPosition,
    /// An encoded `GrantMutations` message: the hash covers exactly these bytes.
    pub mutations: Vec<u8>,
}

/// All grants and memberships at one policy version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub position: FeedPosition,
    pub grants: Vec<Grant>,
    pub memberships: Vec<Membership>,
}

/// What follows in a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// In order, without gaps.
    Changes(Vec<FeedEntry>),
    /// Nothing has changed since this version.
    Heartbeat(PolicyVersion),
}
