//! Images as permission knows them: telling it, and what its answer, or none, does to what waits for it.

use slipway_authorizer::{Registration, SubjectQuery};
use slipway_fault::{Fault, Kind, Reason};
use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::ImageId,
};

use crate::{
    app::App,
    domain::{
        image::{Image, ImageState},
        revision::Revision,
    },
};

impl App {
    /// Second half of a create, by its caller, by a repeat of its call or by the reconciler: all tell permission the same, and one of them makes
    /// it hold. A refusal takes everything back.
    pub async fn finish_create(&self, image: &Image, revision: &Revision) -> Result<Image, Fault> {
        match self.register_and_finish(image, revision).await {
            Err(fault) if is_refusal(&fault) => {
                self.take_back(image.id).await?;
                Err(fault)
            }
            outcome => outcome,
        }
    }

    async fn register_and_finish(
        &self,
        image: &Image,
        revision: &Revision,
    ) -> Result<Image, Fault> {
        let access_revision = self.authorizer.register(registration(image)).await?;
        if let Some(finished) =
            self.store.finish_create(image, revision, access_revision, &self.queue(image)).await?
        {
            return Ok(finished);
        }
        let present =
            self.store.image(image.id).await?.filter(|image| image.state != ImageState::Creating);
        present.ok_or_else(|| {
            Fault::new(Reason::Conflict, "the image was taken back meanwhile; create it again")
        })
    }

    /// The row first, unless somebody else has finished it meanwhile: an object that permission keeps of no image harms nobody.
    async fn take_back(&self, id: ImageId) -> Result<(), Fault> {
        match self.store.abort_create(id).await? {
            true => self.authorizer.remove(id.into()).await.map(|_| ()),
            false => Ok(()),
        }
    }

    /// Second half of a change of access. A refusal drops what was wanted.
    pub async fn finish_access(&self, image: &Image) -> Result<Image, Fault> {
        match self.authorizer.register(registration(image)).await {
            Ok(revision) => self.store.finish_access(image, revision).await,
            Err(fault) => {
                if is_refusal(&fault) {
                    self.store.drop_wanted_access(image).await?;
                }
                Err(fault)
            }
        }
    }
}

/// Whether what was asked for is refused, and trying again changes nothing about it. Anything else may have been heard by permission.
pub(crate) fn is_refusal(fault: &Fault) -> bool {
    let kinds =
        [Kind::InvalidArgument, Kind::NotFound, Kind::FailedPrecondition, Kind::PermissionDenied];
    fault.reason() == Reason::QueueFull || kinds.contains(&fault.reason().kind())
}

/// Where somebody gave no answer, half of it is done, and the reconciler goes on: `outcome` says so instead of the fault's own message.
pub(super) fn unsettled(fault: Fault, outcome: &str) -> Fault {
    match is_refusal(&fault) {
        true => fault,
        false => Fault::new(fault.reason(), format!("a part of Slipway gave no answer: {outcome}"))
            .cause(fault),
    }
}

/// The image as permission shall know it.
fn registration(image: &Image) -> Registration {
    let reader = |kind, id: String| (SubjectQuery { kind, id }, Role::Reader);
    let access = &image.access;
    let everyone = access.global.then(|| reader(SubjectKind::Everyone, String::new()));
    let groups = access.groups.iter().map(|group| reader(SubjectKind::Group, group.id.to_string()));
    let users = access.users.iter().map(|user| reader(SubjectKind::User, user.to_string()));
    Registration {
        object: image.id.into(),
        kind: ObjectKind::Image,
        owner: image.owner,
        grants: everyone.into_iter().chain(groups).chain(users).collect(),
    }
}
