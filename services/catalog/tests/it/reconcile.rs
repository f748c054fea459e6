//! Repair: what was cut off is finished or dropped, and one that fails holds up no other.

use slipway_catalog::{
    domain::{access::Access, image::ImageState},
    reconcile::repair,
};
use slipway_fault::Reason;
use slipway_names::id::ObjectId;

use crate::{
    scripted::{Scripted, app},
    worlds::{World, built, existing, image},
};

slipway_testrig::on_both_databases!(
    changes_of_access_are_finished_or_dropped,
    creates_are_finished_or_taken_back,
    young_ones_are_left_alone
);

/// Everything was cut off long ago.
async fn age(world: &World) {
    world.execute("update image set create_time = 1, update_time = 1").await;
}

async fn changes_of_access_are_finished_or_dropped(world: World) {
    let everyone = Access { global: true, ..Access::default() };
    let images = [image("refused"), image("silent"), image("refused-2"), image("finished")];
    for image in &images {
        let id = world.create(image, &existing(image)).await.id;
        world.store.want_access(id, &everyone, None).await.unwrap();
    }
    age(&world).await;
    let [refused, silent, refused_too, _] = images.each_ref().map(|image| ObjectId::from(image.id));
    let permission = Scripted::new(move |registration| match registration.object {
        object if object == refused => Some(Reason::UserNotFound),
        object if object == refused_too => Some(Reason::GroupNotFound),
        object if object == silent => Some(Reason::PermissionUnavailable),
        _ => None,
    });
    repair(&app(&world, &permission)).await.unwrap();

    let state = "select name || case when wanted_access is null then '' else ' waits' end || ' ' || edits as row from image order by name";
    assert_eq!(
        world.rows(state).await,
        ["finished 2", "refused 1", "refused-2 1", "silent waits 1"]
    );
    let finished = world.store.image(images[3].id).await.unwrap().unwrap();
    assert_eq!((finished.access, finished.access_revision), (everyone.clone(), 7));
    assert_eq!(
        world.store.image(images[0].id).await.unwrap().unwrap().access,
        Access::default(),
        "as before"
    );
    world.store.want_access(images[0].id, &everyone, None).await.unwrap();
}

async fn creates_are_finished_or_taken_back(world: World) {
    let images =
        [image("refused"), image("silent"), image("finished"), image("waits"), image("too-many")];
    for image in &images[..3] {
        world.store.reserve(image.clone(), &existing(image), None).await.unwrap();
    }
    age(&world).await;
    let [refused, silent, finished, _, too_many] =
        images.each_ref().map(|image| ObjectId::from(image.id));
    let permission = Scripted::new(move |registration| match registration.object {
        object if object == refused => Some(Reason::GroupNotFound),
        object if object == silent => Some(Reason::PermissionUnavailable),
        _ => None,
    });
    repair(&app(&world, &permission)).await.unwrap();
    let state = "select name || ' ' || state as row from image order by name";
    assert_eq!(world.rows(state).await, ["finished ready", "silent creating"]);
    assert_eq!(*permission.removed.lock().await, [refused]);
    assert_eq!(world.events(finished).await.len(), 3);

    // Of two builds one may wait, and what is refused for that is taken back as well.
    let (waiting, _) = built(&images[3]);
    world.create(&images[3], &waiting).await;
    let (revision, _) = built(&images[4]);
    world.store.reserve(images[4].clone(), &revision, None).await.unwrap();
    age(&world).await;
    repair(&app(&world, &permission)).await.unwrap();
    assert_eq!(world.rows(state).await, ["finished ready", "silent creating", "waits building"]);
    assert_eq!(*permission.removed.lock().await, [refused, too_many]);
}

async fn young_ones_are_left_alone(world: World) {
    let (young, shared) = (image("young"), image("shared"));
    world.store.reserve(young.clone(), &existing(&young), None).await.unwrap();
    let id = world.create(&shared, &existing(&shared)).await.id;
    world.store.want_access(id, &Access { global: true, ..Access::default() }, None).await.unwrap();
    let permission = Scripted::new(|_| Some(Reason::GroupNotFound));
    repair(&app(&world, &permission)).await.unwrap();
    assert_eq!(world.store.image(young.id).await.unwrap().unwrap().state, ImageState::Creating);
    let waits = "select name as row from image where wanted_access is not null";
    assert_eq!(world.rows(waits).await, ["shared"]);
}
