//! New revisions: another reference, an edited spec, or the same again.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::grant::Role;
use slipway_outbox::idempotency::Key;

use crate::{
    app::{App, Source, read::no_revision},
    domain::{
        image::Image,
        revision::{Revision, RevisionState},
    },
};

impl App {
    /// The active revision serves until the new one is READY. Returns the image as it is with it.
    pub async fn create_revision(
        &self,
        caller: &Caller,
        id_or_name: &str,
        source: Source,
        key: Option<Key>,
    ) -> Result<(Image, Revision), Fault> {
        let (image, decided_at) = self.image_for(caller, id_or_name, Role::Writer).await?;
        if let Some(added) = self.added_before(&image, key.as_ref()).await? {
            return Ok(added);
        }
        if source.kind() != image.source {
            let message = format!(
                "image `{}` is {}, and stays so; make another image instead",
                image.qualified_name(),
                image.source
            );
            return Err(Fault::new(Reason::SourceKindFixed, message)
                .violation("source", format!("must be `{}`", image.source)));
        }
        let draft = self.draft(caller, source, image.kind).await?;
        self.add_revision(&image, draft, decided_at, key).await
    }

    /// The same spec again, after a failure or a cancel. Returns the image as it is with it.
    pub async fn retry_revision(
        &self,
        caller: &Caller,
        id_or_name: &str,
        number: i32,
        key: Option<Key>,
    ) -> Result<(Image, Revision), Fault> {
        let (image, decided_at) = self.image_for(caller, id_or_name, Role::Writer).await?;
        if let Some(added) = self.added_before(&image, key.as_ref()).await? {
            return Ok(added);
        }
        let number = if number == 0 { image.latest_revision } else { number };
        let before = self
            .store
            .revision(image.id, number)
            .await?
            .ok_or_else(|| no_revision(&image, number))?;
        if !matches!(before.state, RevisionState::Failed | RevisionState::Cancelled) {
            let message = format!(
                "revision {number} of `{}` is {}; only a failed or cancelled one can be tried again, a ready one can be rebuilt by a new revision",
                image.qualified_name(),
                before.state
            );
            return Err(Fault::new(Reason::NothingToRetry, message));
        }
        let spec = before.spec.ok_or_else(|| Fault::internal("a failed revision has no spec"))?;
        // Judged again: who tries again needs the right to the base too, and the site's rules may have changed.
        let draft = self
            .draft(caller, Source::Custom { spec, gpu_base: String::new() }, image.kind)
            .await?;
        self.add_revision(&image, draft, decided_at, key).await
    }

    async fn add_revision(
        &self,
        image: &Image,
        draft: Revision,
        decided_at: i64,
        key: Option<Key>,
    ) -> Result<(Image, Revision), Fault> {
        match self
            .store
            .add_revision(image, draft, decided_at, &self.queue(image), key.as_ref())
            .await
        {
            // A call with the same request id may have been faster.
            Err(fault) if fault.reason() == Reason::Conflict => {
                self.added_before(image, key.as_ref()).await?.ok_or(fault)
            }
            outcome => outcome,
        }
    }

    async fn added_before(
        &self,
        image: &Image,
        key: Option<&Key>,
    ) -> Result<Option<(Image, Revision)>, Fault> {
        let Some(key) = key else { return Ok(None) };
        let Some(answer) = self.store.answered(key).await? else { return Ok(None) };
        let number =
            answer.parse::<i32>().map_err(|_| Fault::internal("a kept answer is no number"))?;
        // Read behind the answer, so that its access revision is not older than the revision's.
        let image = self
            .store
            .image(image.id)
            .await?
            .ok_or_else(|| Fault::internal("an image with a kept answer is gone"))?;
        let revision = self.store.revision(image.id, number).await?;
        Ok(revision.map(|revision| (image, revision)))
    }
}
