//! Applying grants, also those that this version does not know.

use slipway_authz::{projection::apply::ApplyOutcome, role::Role};
use slipway_testrig::database::rows;
use slipway_wire::permission::v1::{
    self as wire, Grant, GrantMutation, Subject, grant_mutation::Mutation,
};

use crate::fixtures::{Fixture, change, platform_grant, user};

slipway_testrig::on_both_databases!(
    unknown_mutation_gives_no_access_and_marks_the_projection_as_partial,
    snapshot_with_an_unknown_role_is_partial,
    roles_are_stored_by_rank,
);

/// An enum value that no version knows.
const UNKNOWN: i32 = 99;

fn put(grant: Grant) -> GrantMutation {
    GrantMutation { mutation: Some(Mutation::PutGrant(grant)) }
}

fn reader(name: &str) -> Grant {
    platform_grant(name, wire::Role::Reader)
}

impl Fixture {
    async fn stored_hash(&self) -> String {
        rows(self.database(), "select hash as row from access_state").await.remove(0)
    }

    /// Whether the user is a reader of the only item.
    async fn has_access(&self, name: &str) -> bool {
        !self.items_of(user(name), Role::Reader).await.is_empty()
    }
}

async fn unknown_mutation_gives_no_access_and_marks_the_projection_as_partial(fixture: Fixture) {
    fixture.create_item(1).await;
    let alice = reader("alice");
    let unknown_role = Grant { role: UNKNOWN, ..alice.clone() };
    let unknown_subject = Grant {
        subject: Some(Subject { kind: UNKNOWN, id: "robot:7".to_owned() }),
        ..alice.clone()
    };

    let cases = [
        (GrantMutation { mutation: None }, true),
        (put(unknown_role), false),
        (put(unknown_subject), false),
    ];
    for (mutation, alice_has_access) in cases {
        assert_eq!(
            fixture.apply_snapshot(vec![alice.clone()], Vec::new()).await,
            ApplyOutcome::Applied
        );
        assert_eq!(fixture.stored_hash().await, "first");

        let unknown = change(2, "first", vec![mutation]);
        assert_eq!(fixture.apply_change(&unknown).await, ApplyOutcome::Applied);
        assert_eq!(fixture.stored_hash().await, format!("partial:{}", unknown.hash));
        assert_eq!(
            fixture.has_access("alice").await,
            alice_has_access,
            "an unknown grant replaces the known one and gives no access"
        );

        let known = change(3, &unknown.hash, vec![put(reader("bob"))]);
        assert_eq!(fixture.apply_change(&known).await, ApplyOutcome::Applied);
        assert_eq!(fixture.stored_hash().await, format!("partial:{}", known.hash));
        assert!(fixture.has_access("bob").await);

        let other_history = change(4, "other", Vec::new());
        assert_eq!(fixture.apply_change(&other_history).await, ApplyOutcome::Mismatch);
    }
}

async fn snapshot_with_an_unknown_role_is_partial(fixture: Fixture) {
    fixture.create_item(1).await;
    let unknown_role = Grant { role: UNKNOWN, ..reader("alice") };

    let outcome = fixture.apply_snapshot(vec![unknown_role, reader("bob")], Vec::new()).await;

    assert_eq!(outcome, ApplyOutcome::Applied);
    assert_eq!(fixture.stored_hash().await, "partial:first");
    assert!(!fixture.has_access("alice").await);
    assert!(fixture.has_access("bob").await);
}

async fn roles_are_stored_by_rank(fixture: Fixture) {
    let roles = Role::ALL.iter().map(|role| platform_grant("alice", (*role).into()));
    fixture.apply_snapshot(roles.collect(), Vec::new()).await;

    let ranks = "select cast(role as text) as row from access_grants order by role";
    assert_eq!(rows(fixture.database(), ranks).await, ["1", "2", "3"]);
}
