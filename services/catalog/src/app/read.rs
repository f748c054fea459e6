//! Reading: one image, lists, and which reference to run. Answered from the projection, without asking permission.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{grant::Role, id::BuildId};
use slipway_paging::Page;
use slipway_wire::builder::v1::BuildRequested;

use crate::{
    app::App,
    domain::{
        image::{Image, ImageState},
        resolve::{Accelerator, Choice, choose},
        revision::Revision,
    },
    outbound,
    store::{Filter, Order},
};

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The revision that was chosen.
    pub revision: i32,
    /// The artifact and why.
    pub choice: Choice,
}

impl App {
    /// Waits until the projection has seen the write that gave this token.
    pub async fn wait_for(&self, consistency_token: &str) -> Result<(), Fault> {
        if consistency_token.is_empty() {
            return Ok(());
        }
        let revision = consistency_token
            .parse()
            .map_err(|_| Fault::field("consistency_token", "is not one that a write gave out"))?;
        slipway_access::wait_for(self.store.database(), revision).await
    }

    /// An image that the caller may read; who else may is told to its managers.
    pub async fn image(&self, caller: &Caller, id_or_name: &str) -> Result<Image, Fault> {
        if id_or_name.is_empty() {
            return Err(Fault::field("image", "is empty; give an id or `<owner>/<name>`"));
        }
        let user = caller.require_user()?.id;
        self.store.image_seen_by(id_or_name, user, Role::Reader).await?.ok_or_else(|| {
            let name = Fault::echo(id_or_name);
            Fault::new(
                Reason::ImageNotFound,
                format!("there is no image `{name}`, or none that you may see"),
            )
            .metadata("image", name)
        })
    }

    /// The revision that resolves now.
    pub async fn active_revision(&self, image: &Image) -> Result<Option<Revision>, Fault> {
        self.store.revision(image.id, image.active_revision).await
    }

    /// A page of images, and the capped total.
    pub async fn images(
        &self,
        caller: &Caller,
        filter: &Filter,
        order: Order,
        page: &Page,
    ) -> Result<(Vec<Image>, i32), Fault> {
        let user = caller.require_user()?.id;
        Ok((
            self.store.images(user, filter, order, page).await?,
            self.store.count_images(user, filter).await?,
        ))
    }

    /// The latest revisions of these images.
    pub async fn latest_revisions(&self, images: &[Image]) -> Result<Vec<Revision>, Fault> {
        let ids: Vec<_> = images.iter().map(|image| image.id).collect();
        self.store.latest_revisions(&ids).await
    }

    /// A page of an image's revisions, newest first.
    pub async fn revisions(
        &self,
        caller: &Caller,
        id_or_name: &str,
        page: &Page,
    ) -> Result<Vec<Revision>, Fault> {
        let image = self.image(caller, id_or_name).await?;
        self.store.revisions(image.id, page).await
    }

    /// What to run on this node. Hands out power, so it refuses to go by old grants.
    pub async fn resolve(
        &self,
        caller: &Caller,
        id_or_name: &str,
        revision: i32,
        accelerator: Accelerator,
        platform: &str,
    ) -> Result<Resolved, Fault> {
        slipway_access::fresh(self.store.database(), self.site.access_stale).await?;
        let image = self.image(caller, id_or_name).await?;
        let number = match (revision, image.active_revision) {
            (0, 0) => image.latest_revision,
            (0, active) => active,
            (asked, _) => asked,
        };
        let found = self
            .store
            .revision(image.id, number)
            .await?
            .ok_or_else(|| no_revision(&image, number))?;
        Ok(Resolved { revision: number, choice: choose(&image, &found, accelerator, platform)? })
    }

    /// The request of a build, for the builder.
    pub async fn build_request(&self, id: BuildId) -> Result<BuildRequested, Fault> {
        let missing = || Fault::new(Reason::BuildNotFound, format!("there is no build {id}"));
        let revision = self.store.revision_of_build(id).await?.ok_or_else(missing)?;
        let image = self.store.image(revision.image).await?.ok_or_else(missing)?;
        if image.state == ImageState::Creating {
            return Err(missing());
        }
        outbound::build_request(&image, &revision, &self.repository(&image)).ok_or_else(missing)
    }
}

pub(super) fn no_revision(image: &Image, number: i32) -> Fault {
    let message = format!(
        "image `{}` has no revision {number}; it has 1 to {}",
        image.qualified_name(),
        image.latest_revision
    );
    Fault::new(Reason::RevisionNotFound, message)
}
