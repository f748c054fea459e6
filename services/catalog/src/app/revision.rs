//! New revisions: another reference, an edited spec, or a retry.

use slipway_authz::role::Role;
use slipway_database::idempotency::{RequestKey, conflict_as_in_flight, request_in_progress};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{revision::RevisionNumber, unit::PolicyVersion};
use slipway_request::page::Page;

use crate::{
    app::{App, image::image_gone, waiting_builds::queue_full},
    domain::{
        image::{Image, ImageSource},
        revision::{Draft, Revision, RevisionState},
        source::Source,
    },
    store::revision::AddRevisionOutcome,
};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionPage {
    pub revisions: Vec<Revision>,
    /// Empty on the last page.
    pub next_page_token: String,
}

impl App {
    /// A page of an image's revisions, newest first; without references when the grants are too old
    /// to hand them out.
    ///
    /// # Errors
    /// `IMAGE_NOT_FOUND`, `PAGE_TOKEN_INVALID`, `ACCESS_STALE`.
    pub async fn revisions(
        &self,
        caller: &Caller,
        id_or_name: &str,
        page: &Page,
    ) -> Result<RevisionPage, Fault> {
        let before = page.key()?;
        let detail = self.image(caller, id_or_name).await?;
        let may_show_references = self.may_show_references(&detail);

        let mut revisions = self.store.revisions(detail.image.id, before, page.limit()).await?;
        if !may_show_references {
            revisions = revisions.into_iter().map(Revision::without_artifacts).collect();
        }
        let next_page_token =
            page.cut(&mut revisions, |revision| vec![revision.number.to_string()]);

        Ok(RevisionPage { revisions, next_page_token })
    }

    /// The newest revision of an image.
    pub async fn latest_revision(&self, image: &Image) -> Result<Revision, Fault> {
        let latest = self.store.revision(image.id, image.latest_revision).await?;
        latest.ok_or_else(|| Fault::internal("the newest revision of an image does not exist"))
    }

    /// Adds a revision to an image, and returns the image after that. The active revision serves
    /// until the new one is READY.
    ///
    /// # Errors
    /// `IMAGE_NOT_FOUND`, `ROLE_MISSING`, `SOURCE_KIND_FIXED`, `REFERENCE_*`,
    /// `REGISTRY_UNREACHABLE`, those of a spec, `QUEUE_FULL`, `CONFLICT`.
    pub async fn create_revision(
        &self,
        caller: &Caller,
        id_or_name: &str,
        source: Source,
        key: Option<RequestKey>,
    ) -> Result<(Image, Revision), Fault> {
        let (image, policy_version) =
            self.authorize_image(caller, id_or_name, Role::Writer).await?;
        if let Some(added) = self.replay_revision(&image, key.as_ref()).await? {
            return Ok(added);
        }

        if source.kind() != image.source {
            return Err(source_kind_fixed(&image, source.kind()));
        }
        let draft = self.verify_source(caller, &source, image.image_type).await?;

        self.add_revision(&image, draft, policy_version, key).await
    }

    /// Builds the spec of a failed or cancelled revision again, as a new revision, and returns the
    /// image after that. Without a number, the newest revision is retried.
    ///
    /// # Errors
    /// `REVISION_NOT_FOUND`, `NOTHING_TO_RETRY`, and those of [`App::create_revision`].
    pub async fn retry_revision(
        &self,
        caller: &Caller,
        id_or_name: &str,
        number: Option<RevisionNumber>,
        key: Option<RequestKey>,
    ) -> Result<(Image, Revision), Fault> {
        let (image, policy_version) =
            self.authorize_image(caller, id_or_name, Role::Writer).await?;
        if let Some(added) = self.replay_revision(&image, key.as_ref()).await? {
            return Ok(added);
        }

        let number = number.unwrap_or(image.latest_revision);
        let failed = self
            .store
            .revision(image.id, number)
            .await?
            .ok_or_else(|| revision_not_found(&image, number))?;
        if !matches!(failed.state, RevisionState::Failed | RevisionState::Cancelled) {
            return Err(nothing_to_retry(&image, &failed));
        }

        // Verified again: this caller needs the right to the base too, and the site's rules may
        // have changed.
        let build =
            failed.build.ok_or_else(|| Fault::internal("a failed revision has no build"))?;
        let source = Source::Custom { spec: build.spec, gpu_base: String::new() };
        let draft = self.verify_source(caller, &source, image.image_type).await?;

        self.add_revision(&image, draft, policy_version, key).await
    }

    async fn add_revision(
        &self,
        image: &Image,
        draft: Draft,
        policy_version: PolicyVersion,
        key: Option<RequestKey>,
    ) -> Result<(Image, Revision), Fault> {
        let settings = self.build_settings();
        let outcome =
            self.store.add_revision(image.id, draft, policy_version, &settings, key.as_ref()).await;

        match conflict_as_in_flight(outcome, key.as_ref(), AddRevisionOutcome::InFlight)? {
            AddRevisionOutcome::Added(added) => Ok(*added),
            AddRevisionOutcome::InFlight => {
                let added = self.replay_revision(image, key.as_ref()).await?;
                added.ok_or_else(request_in_progress)
            }
            AddRevisionOutcome::ImageGone => Err(image_gone()),
            AddRevisionOutcome::QueueFull => Err(queue_full(image, &settings)),
        }
    }

    /// The revision of an earlier call with this request key; `None` where there was no such call.
    async fn replay_revision(
        &self,
        image: &Image,
        key: Option<&RequestKey>,
    ) -> Result<Option<(Image, Revision)>, Fault> {
        let Some(key) = key else { return Ok(None) };
        let Some(number) = self.store.find_added(key).await?.into_response()? else {
            return Ok(None);
        };

        // The image is read after the response: its access version must not be older than the
        // revision's.
        let image = self
            .store
            .image(image.id)
            .await?
            .ok_or_else(|| Fault::internal("the image of a stored response does not exist"))?;
        let revision = self.store.revision(image.id, number).await?;

        Ok(revision.map(|revision| (image, revision)))
    }
}

pub(super) fn revision_not_found(image: &Image, number: RevisionNumber) -> Fault {
    let message = format!(
        "Image `{}` has no revision {number}. It has revisions 1 to {}.",
        image.qualified_name(),
        image.latest_revision
    );
    Fault::new(Reason::RevisionNotFound, message)
}

fn source_kind_fixed(image: &Image, requested: ImageSource) -> Fault {
    let message = format!(
        "The source of image `{}` is `{}` and cannot become `{requested}`. \
         Create another image instead.",
        image.qualified_name(),
        image.source
    );
    Fault::new(Reason::SourceKindFixed, message)
        .violation("source", format!("must be `{}`", image.source))
}

fn nothing_to_retry(image: &Image, revision: &Revision) -> Fault {
    let message = format!(
        "Revision {} of `{}` is {}. Only a failed or cancelled revision can be retried; \
         rebuild a ready one by creating a new revision.",
        revision.number,
        image.qualified_name(),
        revision.state
    );
    Fault::new(Reason::NothingToRetry, message)
}
