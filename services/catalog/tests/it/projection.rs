//! The projection where permission tells more than this version knows, and waiting for a write.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message as _;
use slipway_access::{Applied, apply_change, apply_snapshot, wait_for};
use slipway_fault::Reason;
use slipway_wire::permission::v1::{
    Grant, GrantMutation, GrantMutations, GrantsChange, GrantsSnapshot, Role, Subject,
    grant_mutation::Mutation,
};
use uuid::Uuid;

use crate::{
    list::all,
    worlds::{World, existing, grant, image, user},
};

slipway_testrig::on_both_databases!(
    what_is_not_known_asks_for_a_snapshot_later,
    ranks_decide,
    nobody_waits_for_what_was_never_written
);

const UNKNOWN: i32 = 99;

/// The change behind this one.
fn change(revision: i64, previous: &str, mutations: Vec<GrantMutation>) -> GrantsChange {
    let mutations = GrantMutations { mutations }.encode_to_vec();
    let bytes = [previous.as_bytes(), &mutations].concat();
    let hash = digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    GrantsChange { revision, hash, mutations }
}

fn put(grant: Grant) -> GrantMutation {
    GrantMutation { mutation: Some(Mutation::PutGrant(grant)) }
}

fn snapshot(grants: Vec<Grant>) -> GrantsSnapshot {
    GrantsSnapshot {
        revision: 1,
        hash: "first".to_owned(),
        grants,
        memberships: Vec::new(),
        last: true,
    }
}

async fn stored_hash(world: &World) -> String {
    world.rows("select hash as row from access_state").await.remove(0)
}

async fn what_is_not_known_asks_for_a_snapshot_later(world: World) {
    let image = image("x");
    world.create(&image, &existing(&image)).await;
    let database = world.store.database();
    let alices = grant(Uuid::now_v7(), user("alice"), Role::Reader.into());
    let bobs = grant(Uuid::now_v7(), user("bob"), Role::Reader.into());
    let unknown_role = Grant { role: UNKNOWN, ..alices.clone() };
    let unknown_subject = Grant {
        subject: Some(Subject { kind: UNKNOWN, id: "robot:7".to_owned() }),
        ..alices.clone()
    };

    let cases = [
        (GrantMutation { mutation: None }, true),
        (put(unknown_role.clone()), false),
        (put(unknown_subject), false),
    ];
    for (mutation, alice_sees) in cases {
        assert_eq!(
            apply_snapshot(database, world.holder, &snapshot(vec![alices.clone()])).await.unwrap(),
            Applied::Yes
        );
        assert_eq!(stored_hash(&world).await, "first");
        let unknown = change(2, "first", vec![mutation]);
        assert_eq!(apply_change(database, world.holder, &unknown).await.unwrap(), Applied::Yes);
        assert_eq!(
            stored_hash(&world).await,
            format!("partial:{}", unknown.hash),
            "permission knows no such hash"
        );
        assert_eq!(
            !all(&world, "alice").await.is_empty(),
            alice_sees,
            "what is replaced by something unknown gives nothing"
        );

        let known = change(3, &unknown.hash, vec![put(bobs.clone())]);
        assert_eq!(
            apply_change(database, world.holder, &known).await.unwrap(),
            Applied::Yes,
            "changes go on"
        );
        assert_eq!(
            stored_hash(&world).await,
            format!("partial:{}", known.hash),
            "it is not forgotten"
        );
        assert_eq!(all(&world, "bob").await.len(), 1);
        assert_eq!(
            apply_change(database, world.holder, &change(4, "other", Vec::new())).await.unwrap(),
            Applied::Mismatch
        );
    }

    assert_eq!(
        apply_snapshot(database, world.holder, &snapshot(vec![unknown_role, bobs])).await.unwrap(),
        Applied::Yes
    );
    assert_eq!(stored_hash(&world).await, "partial:first");
    assert_eq!((all(&world, "alice").await.len(), all(&world, "bob").await.len()), (0, 1));
}

async fn ranks_decide(world: World) {
    world
        .grant(&[(user("a"), Role::Reader), (user("b"), Role::Writer), (user("c"), Role::Manager)])
        .await;
    assert_eq!(
        world.rows("select cast(role as text) as row from access_grant order by role").await,
        ["1", "2", "3"]
    );
}

async fn nobody_waits_for_what_was_never_written(world: World) {
    let database = world.store.database();
    world.grant(&[]).await;
    for revision in [i64::MIN, 0, 1] {
        wait_for(database, revision).await.unwrap();
    }
    for revision in [1_002, i64::MAX] {
        let fault = wait_for(database, revision).await.unwrap_err();
        assert_eq!(
            (fault.reason(), fault.violations()[0].field.as_str()),
            (Reason::FieldInvalid, "consistency_token")
        );
    }
    let next = change(2, "1", Vec::new());
    let (waited, applied) =
        tokio::join!(wait_for(database, 2), apply_change(database, world.holder, &next));
    waited.unwrap();
    assert_eq!(applied.unwrap(), Applied::Yes);
}
