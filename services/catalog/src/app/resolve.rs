//! Resolving an image to the exact reference to run. Answered from the projection.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::revision::RevisionNumber;

use crate::{
    app::{App, revision::revision_not_found},
    domain::{
        image::{Image, ImageDetail},
        resolve::{Accelerator, Choice, Unresolvable, choose},
        revision::Revision,
    },
};

/// The exact reference to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImage {
    /// The number of the chosen revision.
    pub revision: RevisionNumber,
    /// The artifact, and why it was chosen.
    pub choice: Choice,
}

impl App {
    /// Chooses the reference to run on a node. Without a number, the active revision is used, or
    /// the newest while none is active.
    ///
    /// # Errors
    /// `ACCESS_STALE` (references are not handed out by old grants), `IMAGE_NOT_FOUND`,
    /// `REVISION_NOT_FOUND`, `NOT_READY`, `ACCELERATOR_MISMATCH`, `DIGEST_UNKNOWN`,
    /// `PLATFORM_MISMATCH`.
    pub async fn resolve(
        &self,
        caller: &Caller,
        id_or_name: &str,
        number: Option<RevisionNumber>,
        accelerator: Accelerator,
        platform: &str,
    ) -> Result<ResolvedImage, Fault> {
        let max_age = self.policy.max_ages.references;
        let ImageDetail { image, latest, active, .. } =
            self.fresh_image(caller, id_or_name, max_age).await?;

        let revision = match number {
            None => active.unwrap_or(latest),
            Some(number) => self
                .store
                .revision(image.id, number)
                .await?
                .ok_or_else(|| revision_not_found(&image, number))?,
        };

        let choice = choose(&image, &revision, accelerator, platform)
            .map_err(|refusal| unresolvable(&refusal, &image, &revision, platform))?;
        Ok(ResolvedImage { revision: revision.number, choice })
    }
}

fn unresolvable(
    refusal: &Unresolvable,
    image: &Image,
    revision: &Revision,
    platform: &str,
) -> Fault {
    match refusal {
        Unresolvable::NotReady => not_ready(image, revision),
        Unresolvable::AcceleratorMismatch => accelerator_mismatch(image),
        Unresolvable::DigestUnknown => digest_unknown(image),
        Unresolvable::PlatformMismatch { platforms } => {
            platform_mismatch(image, platform, platforms)
        }
        Unresolvable::ArtifactMissing => Fault::internal("a READY revision has no artifact"),
    }
}

fn not_ready(image: &Image, revision: &Revision) -> Fault {
    let name = image.qualified_name();
    let number = revision.number;
    let state = revision.state;

    let message = match image.active_revision {
        None => format!(
            "Image `{name}` has no ready revision, and its revision {number} is in state {state}. \
             Look at its build with `slipway image get {name}`."
        ),
        Some(active) => format!(
            "Revision {number} of image `{name}` is in state {state}. \
             The active revision is {active}."
        ),
    };

    let fault = Fault::new(Reason::NotReady, message)
        .metadata("image", name)
        .metadata("image_state", image.state)
        .metadata("revision", number)
        .metadata("revision_state", state);
    match &revision.build {
        Some(build) => fault.metadata("build", build.id),
        None => fault,
    }
}

fn accelerator_mismatch(image: &Image) -> Fault {
    let message = format!(
        "Image `{}` runs on GPU nodes only. Choose a CPU or UNIVERSAL image for this node.",
        image.qualified_name()
    );
    Fault::new(Reason::AcceleratorMismatch, message)
}

fn digest_unknown(image: &Image) -> Fault {
    let message = format!(
        "Image `{}` was added without verification, so its digest is unknown. \
         Create a new revision without skip_verification.",
        image.qualified_name()
    );
    Fault::new(Reason::DigestUnknown, message)
}

fn platform_mismatch(image: &Image, platform: &str, platforms: &[String]) -> Fault {
    let message = format!(
        "Image `{}` was not made for {}. It runs on {}.",
        image.qualified_name(),
        Fault::quote_input(platform),
        platforms.join(", ")
    );
    Fault::new(Reason::PlatformMismatch, message).metadata("platforms", platforms.join(","))
}

#[cfg(test)]
mod tests {
    use slipway_names::{
        id::{ImageId, UserId},
        unit::Micros,
    };

    use super::*;
    use crate::domain::{
        fixtures::image,
        image::ImageState,
        revision::{Draft, RevisionState},
        spec::Spec,
    };

    fn revision(number: i32, state: RevisionState) -> Revision {
        let draft = Draft::custom(Spec::default(), UserId::derive("test", "alice"));
        let number = RevisionNumber::try_from(number).unwrap();

        Revision { state, ..draft.into_revision(ImageId::new(), number, Micros(1)) }
    }

    /// Checks the fault of a revision that is not READY.
    fn check(
        (image_state, active): (ImageState, i32),
        (number, revision_state): (i32, RevisionState),
        want: &str,
    ) {
        let image = image(image_state, active, number);
        let revision = revision(number, revision_state);

        let fault = unresolvable(&Unresolvable::NotReady, &image, &revision, "linux/amd64");

        assert_eq!(fault.reason(), Reason::NotReady);
        assert!(fault.message().contains(want), "{fault}");
        let facts = [
            ("image", "system/torch".to_owned()),
            ("image_state", image_state.to_string()),
            ("revision", number.to_string()),
            ("revision_state", revision_state.to_string()),
            ("build", revision.build.unwrap().id.to_string()),
        ];
        assert_eq!(fault.all_metadata(), facts.map(|(key, value)| (key.to_owned(), value)));
    }

    #[test]
    fn refusal_of_a_revision_that_is_not_ready_has_its_state_and_build() {
        use RevisionState::{Building, Cancelled, Failed};

        check(
            (ImageState::Building, 0),
            (1, Building),
            "`system/torch` has no ready revision, and its revision 1 is in state building",
        );
        check(
            (ImageState::Failed, 0),
            (2, Failed),
            "has no ready revision, and its revision 2 is in state failed",
        );

        check(
            (ImageState::Ready, 1),
            (2, Failed),
            "Revision 2 of image `system/torch` is in state failed. The active revision is 1.",
        );
        check(
            (ImageState::Ready, 2),
            (1, Cancelled),
            "Revision 1 of image `system/torch` is in state cancelled. The active revision is 2.",
        );
    }

    #[test]
    fn refusal_has_the_reason_of_its_cause() {
        let image = image(ImageState::Ready, 1, 1);
        let revision = revision(1, RevisionState::Ready);

        for (refusal, want) in [
            (Unresolvable::AcceleratorMismatch, Reason::AcceleratorMismatch),
            (Unresolvable::DigestUnknown, Reason::DigestUnknown),
            (
                Unresolvable::PlatformMismatch { platforms: vec!["linux/arm64".to_owned()] },
                Reason::PlatformMismatch,
            ),
            (Unresolvable::ArtifactMissing, Reason::Internal),
        ] {
            let fault = unresolvable(&refusal, &image, &revision, "linux/amd64");
            assert_eq!(fault.reason(), want, "{refusal:?}");
        }
    }
}
