//! Finding images: reads are answered from the projection; a write also asks permission.

use std::time::Duration;

use slipway_authz::{
    check::ObjectQuery,
    object::ObjectKind,
    projection::{
        condition::Viewer,
        state::{access_stale, require_fresh, wait_for_version},
    },
    role::Role,
};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::unit::PolicyVersion;
use slipway_request::page::{Page, token_invalid};

use crate::{
    app::App,
    domain::{
        image::{Image, ImageDetail, ListedImage},
        list::{ImageFilter, ImageOrder, Position},
    },
};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePage {
    pub images: Vec<ListedImage>,
    /// Empty on the last page.
    pub next_page_token: String,
    /// Of all pages; capped at 1,000.
    pub total_size: i32,
}

impl App {
    /// Waits until the projection has reached the write that returned this token. An empty token
    /// does not wait.
    ///
    /// # Errors
    /// `FIELD_INVALID`, `ACCESS_STALE`.
    pub async fn wait_for_token(&self, consistency_token: &str) -> Result<(), Fault> {
        if consistency_token.is_empty() {
            return Ok(());
        }

        let policy_version = consistency_token
            .parse()
            .ok()
            .and_then(|number: i64| PolicyVersion::try_from(number).ok())
            .ok_or_else(|| Fault::field("consistency_token", "was not returned by a write"))?;
        wait_for_version(self.store.database(), policy_version).await
    }

    /// An image that the caller may read. Groups and users of its access are for its managers only.
    ///
    /// Without its references when the grants are too old to hand them out.
    ///
    /// # Errors
    /// `FIELD_INVALID`, `IMAGE_NOT_FOUND`, `ACCESS_STALE`.
    pub async fn image(&self, caller: &Caller, id_or_name: &str) -> Result<ImageDetail, Fault> {
        let detail = self.fresh_image(caller, id_or_name, self.policy.max_ages.reads).await?;

        if self.may_show_references(&detail) { Ok(detail) } else { Ok(detail.without_artifacts()) }
    }

    /// An image that the caller may read, by grants that are not older than `max_age`.
    pub(super) async fn fresh_image(
        &self,
        caller: &Caller,
        id_or_name: &str,
        max_age: Duration,
    ) -> Result<ImageDetail, Fault> {
        if id_or_name.is_empty() {
            return Err(Fault::field("image", "is empty; give an id or `<owner>/<name>`"));
        }

        let viewer = self.viewer(caller)?;
        let Some(detail) = self.store.visible_image(id_or_name, viewer, Role::Reader).await? else {
            require_fresh(self.store.database(), max_age).await?;
            return Err(image_not_found(id_or_name));
        };

        if detail.access_age <= max_age { Ok(detail) } else { Err(access_stale()) }
    }

    /// Whether the grants are young enough to hand out the references of the image.
    pub(super) fn may_show_references(&self, detail: &ImageDetail) -> bool {
        detail.access_age <= self.policy.max_ages.references
    }

    /// A page of the images that the caller may read.
    ///
    /// # Errors
    /// `PAGE_TOKEN_INVALID`, `ACCESS_STALE`.
    pub async fn images(
        &self,
        caller: &Caller,
        filter: &ImageFilter,
        order: ImageOrder,
        page: &Page,
    ) -> Result<ImagePage, Fault> {
        let after = page_start(page, order)?;
        let viewer = self.viewer(caller)?;
        require_fresh(self.store.database(), self.policy.max_ages.reads).await?;

        let mut images =
            self.store.images(viewer, filter, order, after.as_ref(), page.limit()).await?;
        let total = self.store.count_images(viewer, filter).await?;

        let next_page_token =
            page.cut(&mut images, |listed| Position::of(&listed.image, order.field).to_keys());
        let total_size = i32::try_from(total).unwrap_or(i32::MAX);
        Ok(ImagePage { images, next_page_token, total_size })
    }

    fn viewer(&self, caller: &Caller) -> Result<Viewer, Fault> {
        let user = caller.require_user()?.id;
        Ok(Viewer::new(self.store.database(), user))
    }

    /// An image on which the caller has `role`: found in the projection, decided by permission.
    ///
    /// Also returns the policy version of the decision. What is written by this decision becomes
    /// visible only where the projection has reached that version.
    pub(super) async fn authorize_image(
        &self,
        caller: &Caller,
        id_or_name: &str,
        role: Role,
    ) -> Result<(Image, PolicyVersion), Fault> {
        let image = self.image(caller, id_or_name).await?.image;
        let object = ObjectQuery::Id(ObjectKind::Image, image.id.into());
        let what = format!("image `{}`", image.qualified_name());

        let decision = self.authorizer.check(caller, object, role).await?.require(
            role,
            &what,
            Reason::ImageNotFound,
        )?;
        Ok((image, decision.policy_version))
    }
}

/// `None` for the first page.
fn page_start(page: &Page, order: ImageOrder) -> Result<Option<Position>, Fault> {
    if page.after.is_empty() {
        return Ok(None);
    }
    Position::parse(&page.after, order.field).map(Some).ok_or_else(token_invalid)
}

fn image_not_found(id_or_name: &str) -> Fault {
    let name = Fault::quote_input(id_or_name);
    let message = format!("There is no image `{name}`, or you may not see it.");
    Fault::new(Reason::ImageNotFound, message).metadata("image", name)
}

/// The image was found before, in the same call.
pub(super) fn image_gone() -> Fault {
    Fault::new(Reason::ImageNotFound, "The image was deleted in the meantime.")
}
