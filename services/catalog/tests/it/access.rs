//! Changes of access: wanted, then finished or dropped; one at a time.

use slipway_catalog::domain::{
    access::{Access, ReadingGroup},
    image::Image,
};
use slipway_fault::Reason;
use slipway_names::{
    grant::Role,
    id::{GroupId, ImageId},
};
use slipway_wire::permission::v1::Role as WireRole;

use crate::worlds::{World, existing, image, user};

slipway_testrig::on_both_databases!(
    wanted_access_holds_once_it_is_finished,
    one_change_at_a_time,
    what_is_dropped_changes_nothing,
    who_may_read_is_for_managers
);

/// An age that everything has.
const EVER: i64 = -1_000_000;

fn everyone() -> Access {
    Access { global: true, ..Access::default() }
}

fn vision() -> Access {
    Access {
        groups: vec![ReadingGroup { id: GroupId::new(), name: "vision".to_owned() }],
        users: vec![user("carol")],
        ..Access::default()
    }
}

async fn wanted_access_holds_once_it_is_finished(world: World) {
    let store = &world.store;
    let image = image("shared");
    let before = world.create(&image, &existing(&image)).await;
    store.want_access(before.id, &vision(), None).await.unwrap();
    assert_eq!(store.image(before.id).await.unwrap().unwrap().access, Access::default(), "not yet");
    assert_eq!(store.unfinished_access(60_000_000).await.unwrap(), [], "a young one is left alone");
    let wanted = store.unfinished_access(EVER).await.unwrap().remove(0);
    let other = Image { access: everyone(), ..wanted.clone() };
    assert_eq!(
        store.finish_access(&other, 8).await.unwrap_err().reason(),
        Reason::Conflict,
        "something else is wanted"
    );

    let finished = store.finish_access(&wanted, 8).await.unwrap();
    assert_eq!(
        (&finished.access, finished.access_revision, finished.edits),
        (&wanted.access, 8, before.edits + 1)
    );
    assert_eq!(world.events(before.id).await.last().unwrap(), "catalog.image.access_changed 4");
    assert_eq!(
        store.finish_access(&wanted, 9).await.unwrap_err().reason(),
        Reason::Conflict,
        "once"
    );
    assert_eq!(store.unfinished_access(EVER).await.unwrap(), []);
    assert_eq!(store.image(before.id).await.unwrap(), Some(finished));
}

async fn one_change_at_a_time(world: World) {
    let store = &world.store;
    let image = image("shared");
    let id = world.create(&image, &existing(&image)).await.id;
    let wants = async |etag: Option<i64>| {
        store.want_access(id, &everyone(), etag).await.map_err(|fault| fault.reason())
    };
    assert_eq!(wants(Some(7)).await, Err(Reason::EtagMismatch));
    assert_eq!(wants(Some(1)).await, Ok(()));
    for (etag, want) in
        [(None, Reason::Conflict), (Some(1), Reason::Conflict), (Some(7), Reason::EtagMismatch)]
    {
        assert_eq!(wants(etag).await, Err(want), "a change is pending: {etag:?}");
    }
    store.finish_access(&store.unfinished_access(EVER).await.unwrap()[0], 2).await.unwrap();
    assert_eq!(wants(Some(1)).await, Err(Reason::EtagMismatch));
    assert_eq!(wants(None).await, Ok(()), "without an etag it replaces whatever is there");
    let fault = store.want_access(ImageId::new(), &everyone(), None).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::ImageNotFound);
}

async fn what_is_dropped_changes_nothing(world: World) {
    let store = &world.store;
    let image = image("shared");
    let before = world.create(&image, &existing(&image)).await;
    store.want_access(before.id, &vision(), None).await.unwrap();
    let wanted = store.unfinished_access(EVER).await.unwrap().remove(0);
    store.drop_wanted_access(&Image { access: everyone(), ..wanted.clone() }).await.unwrap();
    assert_eq!(store.unfinished_access(EVER).await.unwrap().len(), 1, "something else was wanted");
    store.drop_wanted_access(&wanted).await.unwrap();
    assert_eq!(store.unfinished_access(EVER).await.unwrap(), []);
    let after = store.image(before.id).await.unwrap().unwrap();
    assert_eq!(
        (after.access, after.edits, after.sequence),
        (before.access, before.edits, before.sequence)
    );
}

async fn who_may_read_is_for_managers(world: World) {
    world
        .grant(&[
            (user("reader"), WireRole::Reader),
            (user("writer"), WireRole::Writer),
            (user("manager"), WireRole::Manager),
        ])
        .await;
    let whole = Access { global: true, ..vision() };
    let image = Image { access: whole.clone(), ..image("shared") };
    world.create(&image, &existing(&image)).await;
    for (name, want) in [("reader", everyone()), ("writer", everyone()), ("manager", whole)] {
        let seen = world
            .store
            .image_seen_by("system/shared", user(name), Role::Reader)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(seen.access, want, "{name}");
        assert_eq!(crate::list::all(&world, name).await.remove(0).access, want, "{name}");
    }
    assert_eq!(
        world.store.image_seen_by("system/shared", user("writer"), Role::Manager).await.unwrap(),
        None
    );
}
