//! What the builder tells: older numbers change nothing, an end is final, and READY revisions do not go backwards.

use slipway_catalog::{
    domain::{
        build::{BuildFailure, BuildProgress, Outcome},
        image::ImageState,
        revision::{Artifact, Revision, RevisionState},
    },
    store::{Report, Settled},
};
use slipway_fault::Reason;
use slipway_names::id::{BuildId, ImageId};

use crate::worlds::{World, built, existing, image, queue};

slipway_testrig::on_both_databases!(
    older_news_change_nothing,
    ready_revisions_go_forward_only,
    a_failed_first_build_is_told,
    unknown_builds_are_told
);

fn report(build: BuildId, state: &str, sequence: i64) -> Report {
    let outcome = match state {
        "succeeded" => Some(Outcome::Succeeded),
        "failed" => Some(Outcome::Failed),
        "cancelled" => Some(Outcome::Cancelled),
        _ => None,
    };
    let failure = (state == "failed").then(|| BuildFailure {
        class: "user".to_owned(),
        reason: "APT_FAILED".to_owned(),
        step: "apt".to_owned(),
        message: "no such package".to_owned(),
    });
    let artifact = (state == "succeeded").then(|| Artifact {
        reference: format!("localhost:5000/system/x:{sequence}"),
        digest: format!("sha256:{build}"),
        platforms: vec!["linux/amd64".to_owned()],
        size_bytes: 7,
    });
    Report {
        build,
        progress: BuildProgress {
            state: state.to_owned(),
            step: "apt".to_owned(),
            sequence,
            failure,
        },
        outcome,
        artifact,
    }
}

impl World {
    async fn tell(&self, build: BuildId, state: &str, sequence: i64) -> Settled {
        self.store.report(&report(build, state, sequence)).await.unwrap()
    }

    async fn revision(&self, image: ImageId, number: i32) -> Revision {
        self.store.revision(image, number).await.unwrap().unwrap()
    }

    /// State, active and latest revision.
    async fn standing(&self, image: ImageId) -> (ImageState, i32, i32) {
        let image = self.store.image(image).await.unwrap().unwrap();
        (image.state, image.active_revision, image.latest_revision)
    }

    async fn add_built(&self, id: ImageId) -> BuildId {
        let image = self.store.image(id).await.unwrap().unwrap();
        let (draft, build) = built(&image);
        self.store.add_revision(&image, draft, 0, &queue(100), None).await.unwrap();
        build
    }
}

async fn older_news_change_nothing(world: World) {
    let image = image("x");
    let (revision, build) = built(&image);
    world.create(&image, &revision).await;
    let ready = RevisionState::Ready;
    let building = RevisionState::Building;
    let cases = [
        ("preparing", 2, Settled::Noted, "preparing", building),
        ("queued", 1, Settled::Ignored, "preparing", building),
        ("building", 4, Settled::Noted, "building", building),
        ("building", 4, Settled::Ignored, "building", building),
        ("preparing", 3, Settled::Ignored, "building", building),
        ("failed", 3, Settled::Ignored, "building", building),
        ("succeeded", 6, Settled::Noted, "succeeded", ready),
        ("succeeded", 6, Settled::Ignored, "succeeded", ready),
        ("pushing", 5, Settled::Ignored, "succeeded", ready),
        ("failed", 7, Settled::Ignored, "succeeded", ready),
        ("cancelled", 8, Settled::Ignored, "succeeded", ready),
    ];
    for (state, sequence, settled, shown, revision_state) in cases {
        assert_eq!(world.tell(build, state, sequence).await, settled, "{state} {sequence}");
        let revision = world.revision(image.id, 1).await;
        assert_eq!(
            (revision.progress.state.as_str(), revision.state),
            (shown, revision_state),
            "after {state} {sequence}"
        );
    }
    let artifact = world.revision(image.id, 1).await.artifact.unwrap();
    assert_eq!((artifact.digest, artifact.size_bytes), (format!("sha256:{build}"), 7));
    assert_eq!(world.standing(image.id).await, (ImageState::Ready, 1, 1));
    let want = [
        "catalog.image.created 1",
        "catalog.revision.building 2",
        "catalog.revision.ready 3",
        "catalog.revision.activated 4",
    ];
    assert_eq!(world.events(image.id).await, want);
}

async fn ready_revisions_go_forward_only(world: World) {
    let image = image("x");
    let (revision, first) = built(&image);
    let id = world.create(&image, &revision).await.id;
    assert_eq!(world.tell(first, "succeeded", 5).await, Settled::Noted);
    assert_eq!(world.standing(id).await, (ImageState::Ready, 1, 1));

    let (second, third) = (world.add_built(id).await, world.add_built(id).await);
    assert_eq!(world.standing(id).await, (ImageState::Ready, 1, 3), "the active one serves on");
    world.tell(third, "succeeded", 5).await;
    assert_eq!(
        world.standing(id).await,
        (ImageState::Ready, 3, 3),
        "a second READY one replaces the first"
    );
    world.tell(second, "succeeded", 5).await;
    assert_eq!(
        world.standing(id).await,
        (ImageState::Ready, 3, 3),
        "an older one that is late does not"
    );
    assert_eq!(
        world.revision(id, 2).await.state,
        RevisionState::Ready,
        "but it is there to be pinned"
    );
    for (number, build) in [(1, first), (2, second), (3, third)] {
        assert_eq!(
            world.revision(id, number).await.artifact.unwrap().digest,
            format!("sha256:{build}")
        );
    }

    let failing = world.add_built(id).await;
    world.tell(failing, "failed", 5).await;
    assert_eq!(
        world.standing(id).await,
        (ImageState::Ready, 3, 4),
        "a failed one leaves the active one alone"
    );

    let pointing = world.store.image(id).await.unwrap().unwrap();
    world.store.add_revision(&pointing, existing(&pointing), 3, &queue(100), None).await.unwrap();
    assert_eq!(
        world.standing(id).await,
        (ImageState::Ready, 5, 5),
        "one without a build is active at once"
    );
    assert_eq!(
        world.store.image(id).await.unwrap().unwrap().access_revision,
        3,
        "and seen from its decision on"
    );

    let numbers: Vec<String> = world
        .events(id)
        .await
        .iter()
        .map(|event| event.rsplit_once(' ').unwrap().1.to_owned())
        .collect();
    assert_eq!(
        numbers,
        (1..=numbers.len()).map(|number| number.to_string()).collect::<Vec<_>>(),
        "no gaps"
    );
    let activated = world
        .events(id)
        .await
        .iter()
        .filter(|event| event.starts_with("catalog.revision.activated"))
        .count();
    assert_eq!(activated, 3, "revisions 1, 3 and 5");
}

async fn a_failed_first_build_is_told(world: World) {
    for (end, want) in [("failed", ImageState::Failed), ("cancelled", ImageState::Cancelled)] {
        let image = image(end);
        let (revision, build) = built(&image);
        let id = world.create(&image, &revision).await.id;
        world.tell(build, end, 3).await;
        assert_eq!(world.standing(id).await, (want, 0, 1));
        let failure = world.revision(id, 1).await.progress.failure.map(|failure| failure.reason);
        assert_eq!(failure.as_deref(), (end == "failed").then_some("APT_FAILED"));
        let again = world.add_built(id).await;
        assert_eq!(world.standing(id).await, (ImageState::Building, 0, 2));
        world.tell(again, "succeeded", 5).await;
        assert_eq!(world.standing(id).await, (ImageState::Ready, 2, 2));
    }
}

async fn unknown_builds_are_told(world: World) {
    let fault = world.store.report(&report(BuildId::new(), "building", 1)).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::BuildNotFound);
}
