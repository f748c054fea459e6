//! Build updates: an older one changes nothing, an end is final, and the active revision never goes
//! back.

use slipway_catalog::{
    domain::{
        artifact::Artifact,
        build::{
            BuildFailure, BuildOutcome, BuildProgress, BuildState, BuildStep, BuildUpdate,
            FailureClass,
        },
        image::ImageState,
        revision::{Draft, Revision, RevisionState},
    },
    store::{build::UpdateOutcome, revision::AddRevisionOutcome},
};
use slipway_fault::Reason;
use slipway_names::{
    id::{BuildId, ImageId},
    revision::RevisionNumber,
    unit::{PolicyVersion, Sequence},
};

use crate::{
    fake_permission::{Answer, FakePermission, app},
    fixtures::{Fixture, build_of, custom, existing, image, policy_version, queue},
};

slipway_testrig::on_both_databases!(
    older_or_repeated_update_is_ignored,
    state_of_a_newer_builder_does_not_end_the_build,
    active_revision_never_goes_back,
    image_events_are_numbered_without_gaps,
    unsuccessful_first_build_settles_the_image,
    update_of_an_unknown_build_is_refused
);

pub(crate) fn update(build: BuildId, state: BuildState, sequence: i64) -> BuildUpdate {
    let outcome = match state {
        BuildState::Succeeded => Some(BuildOutcome::Succeeded(Artifact {
            reference: format!("localhost:5000/system/x:{sequence}"),
            digest: format!("sha256:{build}"),
            platforms: vec!["linux/amd64".to_owned()],
            size: 7_u64.try_into().unwrap(),
        })),
        BuildState::Failed => Some(BuildOutcome::Failed),
        BuildState::Cancelled => Some(BuildOutcome::Cancelled),
        _ => None,
    };
    let failure = (state == BuildState::Failed).then(|| BuildFailure {
        class: FailureClass::User,
        reason: "APT_FAILED".to_owned(),
        step: BuildStep::parse("apt"),
        message: "no such package".to_owned(),
    });

    let sequence = Sequence::try_from(sequence).unwrap();
    let progress = BuildProgress { state, step: BuildStep::parse("apt"), sequence, failure };
    BuildUpdate { build, progress, outcome }
}

impl Fixture {
    pub(crate) async fn apply(
        &self,
        build: BuildId,
        state: BuildState,
        sequence: i64,
    ) -> UpdateOutcome {
        self.store.apply_build_update(&update(build, state, sequence)).await.unwrap()
    }

    /// State, active revision (0 for none) and latest revision.
    async fn summary(&self, id: ImageId) -> (ImageState, i32, i32) {
        let image = self.image(id).await;
        let active_revision = image.active_revision.map_or(0, RevisionNumber::get);
        (image.state, active_revision, image.latest_revision.get())
    }

    pub(crate) async fn add(&self, id: ImageId, draft: Draft, version: PolicyVersion) -> Revision {
        match self.store.add_revision(id, draft, version, &queue(100), None).await.unwrap() {
            AddRevisionOutcome::Added(added) => added.1,
            refused => panic!("the revision was not added: {refused:?}"),
        }
    }

    /// Adds a revision whose build waits.
    async fn add_custom(&self, id: ImageId) -> BuildId {
        build_of(&self.add(id, custom(), PolicyVersion::ZERO).await)
    }
}

async fn older_or_repeated_update_is_ignored(fixture: Fixture) {
    use BuildState::{Building, Cancelled, Failed, Preparing, Pushing, Queued, Succeeded};
    use RevisionState as Revision;
    use UpdateOutcome::{Applied, Ignored};

    let (image, revision) = fixture.create(&image("x"), custom()).await;
    let build = build_of(&revision);

    let cases = [
        (Preparing, 2, Applied, Preparing, Revision::Building),
        (Queued, 1, Ignored, Preparing, Revision::Building),
        (Building, 4, Applied, Building, Revision::Building),
        (Building, 4, Ignored, Building, Revision::Building),
        (Preparing, 3, Ignored, Building, Revision::Building),
        (Failed, 3, Ignored, Building, Revision::Building),
        (Succeeded, 6, Applied, Succeeded, Revision::Ready),
        (Succeeded, 6, Ignored, Succeeded, Revision::Ready),
        (Pushing, 5, Ignored, Succeeded, Revision::Ready),
        (Failed, 7, Ignored, Succeeded, Revision::Ready),
        (Cancelled, 8, Ignored, Succeeded, Revision::Ready),
    ];
    for (state, sequence, outcome, stored_state, revision_state) in cases {
        assert_eq!(fixture.apply(build, state, sequence).await, outcome, "{state} {sequence}");

        let revision = fixture.revision(image.id, 1).await;
        assert_eq!(
            (revision.build.unwrap().progress.state, revision.state),
            (stored_state, revision_state),
            "after {state} {sequence}"
        );
    }

    let artifact = fixture.revision(image.id, 1).await.artifact.unwrap();
    assert_eq!((artifact.digest, artifact.size.get()), (format!("sha256:{build}"), 7));
    assert_eq!(fixture.summary(image.id).await, (ImageState::Ready, 1, 1));
    let events = [
        "catalog.image.created 1",
        "catalog.revision.building 2",
        "catalog.revision.ready 3",
        "catalog.revision.activated 4",
    ];
    assert_eq!(fixture.events(image.id).await, events);
}

async fn state_of_a_newer_builder_does_not_end_the_build(fixture: Fixture) {
    let (image, revision) = fixture.create(&image("x"), custom()).await;
    let build = build_of(&revision);

    assert_eq!(fixture.apply(build, BuildState::Unknown, 2).await, UpdateOutcome::Applied);
    let revision = fixture.revision(image.id, 1).await;
    assert_eq!(
        (revision.build.unwrap().progress.state, revision.state),
        (BuildState::Unknown, RevisionState::Building)
    );

    // As a newer replica of the catalog has stored it.
    fixture.execute("update revisions set build_state = 'verifying', build_step = 'scan'").await;
    let revision = fixture.revision(image.id, 1).await;
    let progress = revision.build.unwrap().progress;
    assert_eq!((progress.state, progress.step), (BuildState::Unknown, BuildStep::parse("scan")));

    assert_eq!(fixture.apply(build, BuildState::Succeeded, 3).await, UpdateOutcome::Applied);
    assert_eq!(fixture.summary(image.id).await, (ImageState::Ready, 1, 1));
}

async fn active_revision_never_goes_back(fixture: Fixture) {
    use BuildState::{Failed, Succeeded};

    let (image, revision) = fixture.create(&image("x"), custom()).await;
    let id = image.id;
    let first = build_of(&revision);
    assert_eq!(fixture.apply(first, Succeeded, 5).await, UpdateOutcome::Applied);
    assert_eq!(fixture.summary(id).await, (ImageState::Ready, 1, 1));

    let second = fixture.add_custom(id).await;
    let third = fixture.add_custom(id).await;
    assert_eq!(fixture.summary(id).await, (ImageState::Ready, 1, 3), "1 stays active");
    fixture.apply(third, Succeeded, 5).await;
    assert_eq!(fixture.summary(id).await, (ImageState::Ready, 3, 3), "3 replaces 1");
    fixture.apply(second, Succeeded, 5).await;
    assert_eq!(fixture.summary(id).await, (ImageState::Ready, 3, 3), "2 is late");
    assert_eq!(fixture.revision(id, 2).await.state, RevisionState::Ready, "2 can be pinned");
    for (number, build) in [(1, first), (2, second), (3, third)] {
        let artifact = fixture.revision(id, number).await.artifact.unwrap();
        assert_eq!(artifact.digest, format!("sha256:{build}"));
    }

    let failing = fixture.add_custom(id).await;
    fixture.apply(failing, Failed, 5).await;
    assert_eq!(fixture.summary(id).await, (ImageState::Ready, 3, 4), "4 failed, 3 stays active");

    fixture.add(id, existing(), policy_version(3)).await;
    assert_eq!(fixture.summary(id).await, (ImageState::Ready, 5, 5), "5 has no build");
    let access_version = fixture.image(id).await.access_version;
    assert_eq!(access_version, policy_version(3), "visible from its decision on");

    let events = fixture.events(id).await;
    let activated = events.iter().filter(|event| event.starts_with("catalog.revision.activated"));
    assert_eq!(activated.count(), 3, "revisions 1, 3 and 5");
}

async fn image_events_are_numbered_without_gaps(fixture: Fixture) {
    use BuildState::{Failed, Succeeded};

    let (image, first) = fixture.create(&image("x"), custom()).await;
    let id = image.id;
    fixture.apply(build_of(&first), Succeeded, 5).await;
    let second = fixture.add_custom(id).await;
    let third = fixture.add_custom(id).await;
    fixture.apply(third, Succeeded, 5).await;
    fixture.apply(second, Succeeded, 5).await;
    let failing = fixture.add_custom(id).await;
    fixture.apply(failing, Failed, 5).await;
    fixture.add(id, existing(), policy_version(3)).await;

    let events = fixture.events(id).await;
    let numbers: Vec<&str> = events.iter().map(|event| event.rsplit_once(' ').unwrap().1).collect();

    let want: Vec<String> = (1..=events.len()).map(|number| number.to_string()).collect();
    assert_eq!(numbers, want);
}

async fn unsuccessful_first_build_settles_the_image(fixture: Fixture) {
    for (end, want) in
        [(BuildState::Failed, ImageState::Failed), (BuildState::Cancelled, ImageState::Cancelled)]
    {
        let (image, revision) = fixture.create(&image(&end.to_string()), custom()).await;
        let id = image.id;

        fixture.apply(build_of(&revision), end, 3).await;
        assert_eq!(fixture.summary(id).await, (want, 0, 1));
        let failure = fixture.revision(id, 1).await.build.unwrap().progress.failure;
        assert_eq!(failure, update(BuildId::new(), end, 3).progress.failure);

        let again = fixture.add_custom(id).await;
        assert_eq!(fixture.summary(id).await, (ImageState::Building, 0, 2));
        fixture.apply(again, BuildState::Succeeded, 5).await;
        assert_eq!(fixture.summary(id).await, (ImageState::Ready, 2, 2));
    }
}

async fn update_of_an_unknown_build_is_refused(fixture: Fixture) {
    let outcome = fixture.apply(BuildId::new(), BuildState::Building, 1).await;
    assert_eq!(outcome, UpdateOutcome::BuildUnknown);

    let app = app(&fixture, &FakePermission::new(|_| Answer::Accept));
    let unknown = update(BuildId::new(), BuildState::Building, 1);
    let fault = app.apply_build_update(&unknown).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::BuildNotFound);
}
