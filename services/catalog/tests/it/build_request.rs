//! The request of a build is answered while its revision is BUILDING.

use slipway_catalog::domain::build::BuildState;
use slipway_names::id::BuildId;

use crate::{
    build::update,
    fixtures::{Fixture, build_of, custom, image},
};

slipway_testrig::on_both_databases!(
    request_of_a_building_revision_is_answered,
    request_of_an_image_that_is_creating_is_not_answered,
    request_of_a_build_that_has_ended_is_not_answered
);

async fn is_answered(fixture: &Fixture, build: BuildId) -> bool {
    fixture.store.build_request(build, "localhost:5000").await.unwrap().is_some()
}

async fn request_of_a_building_revision_is_answered(fixture: Fixture) {
    let (image, revision) = fixture.create(&image("x"), custom()).await;
    let build = build_of(&revision);

    let request = fixture.store.build_request(build, "localhost:5000").await.unwrap().unwrap();

    assert_eq!(
        (request.build, request.image, request.revision),
        (build, image.id, revision.number)
    );
    let short = image.id.short();
    assert_eq!(request.repository, format!("localhost:5000/system/x-{short}"));
    assert_eq!(request.spec, revision.build.unwrap().spec);
    assert_eq!(request.request_time, revision.create_time);

    fixture.apply(build, BuildState::Preparing, 2).await;
    assert!(is_answered(&fixture, build).await, "a build that has started");
    assert!(!is_answered(&fixture, BuildId::new()).await, "an unknown build");
}

async fn request_of_an_image_that_is_creating_is_not_answered(fixture: Fixture) {
    let (_, revision) = fixture.reserve(&image("x"), custom()).await;

    assert!(!is_answered(&fixture, build_of(&revision)).await);
}

async fn request_of_a_build_that_has_ended_is_not_answered(fixture: Fixture) {
    for end in [BuildState::Succeeded, BuildState::Failed, BuildState::Cancelled] {
        let (_, revision) = fixture.create(&image(&end.to_string()), custom()).await;
        let build = build_of(&revision);
        assert!(is_answered(&fixture, build).await, "{end}");

        fixture.store.apply_build_update(&update(build, end, 2)).await.unwrap();
        assert!(!is_answered(&fixture, build).await, "{end}");
    }
}
