//! The access condition: who has which role on what.

use std::time::Duration;

use sea_orm::{ConnectionTrait as _, sea_query::Expr};
use slipway_authz::{
    projection::condition::{GrantTables, Viewer, highest_role},
    role::Role,
};
use slipway_names::id::{GroupId, ObjectId};
use slipway_testrig::database::execute;
use slipway_wire::permission::v1::{self as wire, SubjectKind};

use crate::fixtures::{Fixture, expiring, grant, membership, platform_grant, subject, user};

slipway_testrig::on_both_databases!(
    grant_applies_to_its_subject_only,
    role_includes_the_lower_roles_only,
    grant_applies_to_its_object_and_on_the_platform_to_all,
    expired_grant_gives_no_role,
    row_is_hidden_until_the_projection_reaches_its_version,
    condition_works_on_other_tables
);

async fn grant_applies_to_its_subject_only(fixture: Fixture) {
    let group = GroupId::new();
    let other_group = GroupId::new();
    let memberships = vec![
        membership(group, "member", false),
        membership(group, "admin", true),
        membership(other_group, "alice", true),
    ];
    let item = fixture.create_item(1).await;

    let cases: [(_, &[&str]); 4] = [
        (subject(SubjectKind::Everyone, ""), &["alice", "member", "admin"]),
        (subject(SubjectKind::User, user("alice")), &["alice"]),
        (subject(SubjectKind::Group, group), &["member", "admin"]),
        (subject(SubjectKind::GroupAdmins, group), &["admin"]),
    ];
    for (subject, want) in cases {
        let grant = grant(item, subject.clone(), wire::Role::Reader);
        fixture.apply_snapshot(vec![grant], memberships.clone()).await;

        for name in ["alice", "member", "admin"] {
            let has_role = fixture.items_of(user(name), Role::Reader).await == [item];
            assert_eq!(has_role, want.contains(&name), "{name}: {subject:?}");
        }
    }
}

async fn role_includes_the_lower_roles_only(fixture: Fixture) {
    let item = fixture.create_item(1).await;

    for held in Role::ALL {
        fixture.apply_snapshot(vec![platform_grant("alice", (*held).into())], Vec::new()).await;

        for role in Role::ALL {
            let has_role = fixture.items_of(user("alice"), *role).await == [item];
            assert_eq!(has_role, held >= role, "{held} includes {role}");
        }
    }
}

async fn grant_applies_to_its_object_and_on_the_platform_to_all(fixture: Fixture) {
    let first = fixture.create_item(1).await;
    let second = fixture.create_item(1).await;
    let alice = subject(SubjectKind::User, user("alice"));

    let on_second = grant(second, alice, wire::Role::Reader);
    fixture
        .apply_snapshot(vec![on_second, platform_grant("bob", wire::Role::Reader)], vec![])
        .await;

    assert_eq!(fixture.items_of(user("alice"), Role::Reader).await, [second]);
    assert_eq!(fixture.items_of(user("bob"), Role::Reader).await, [first, second]);
}

async fn expired_grant_gives_no_role(fixture: Fixture) {
    let item = fixture.create_item(1).await;
    let now = fixture.database().now(fixture.database().reader()).await.unwrap();
    let hour = Duration::from_secs(3_600);

    let ended = expiring(platform_grant("alice", wire::Role::Reader), now - hour);
    let lasting = expiring(platform_grant("bob", wire::Role::Reader), now + hour);
    fixture.apply_snapshot(vec![ended, lasting], Vec::new()).await;

    assert_eq!(fixture.items_of(user("alice"), Role::Reader).await, []);
    assert_eq!(fixture.items_of(user("bob"), Role::Reader).await, [item]);
}

async fn row_is_hidden_until_the_projection_reaches_its_version(fixture: Fixture) {
    let reached = fixture.create_item(1).await;
    fixture.create_item(2).await;

    fixture.apply_snapshot(vec![platform_grant("alice", wire::Role::Reader)], Vec::new()).await;

    assert_eq!(fixture.items_of(user("alice"), Role::Reader).await, [reached]);
}

async fn condition_works_on_other_tables(fixture: Fixture) {
    let item = fixture.create_item(1).await;
    let group = GroupId::new();
    let grants = vec![
        grant(item, subject(SubjectKind::Group, group), wire::Role::Writer),
        platform_grant("alice", wire::Role::Reader),
    ];
    fixture.apply_snapshot(grants, vec![membership(group, "alice", false)]).await;
    let rename = "alter table access_grants rename to grants;
        alter table access_members rename to members;";
    execute(fixture.database(), rename).await;

    assert_eq!(highest_role_on(&fixture, "alice", item).await, Some(Role::Writer));
    assert_eq!(highest_role_on(&fixture, "alice", ObjectId::ABSENT).await, Some(Role::Reader));
    assert_eq!(highest_role_on(&fixture, "bob", item).await, None);
}

/// By grants in the tables `grants` and `members`, like the permission service.
async fn highest_role_on(fixture: &Fixture, name: &str, object: ObjectId) -> Option<Role> {
    let tables = GrantTables { grants: "grants", members: "members" };
    let viewer = Viewer::new(fixture.database(), user(name));

    let decision =
        viewer.held_grants(tables, Expr::val(object)).expr_as(highest_role(), "role").take();
    let row = fixture.database().reader().query_one(&decision).await.unwrap();

    row.unwrap().try_get("", "role").unwrap()
}
