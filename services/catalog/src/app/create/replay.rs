//! The answer to a create whose request id was used before.

use slipway_authz::{check::ObjectQuery, object::ObjectKind, role::Role};
use slipway_database::idempotency::{RequestKey, request_in_progress};
use slipway_fault::{Fault, Kind, Reason};
use slipway_identity::Caller;
use slipway_names::revision::RevisionNumber;

use crate::{
    app::{App, create::create_outcome_unknown},
    domain::{
        access::Access,
        image::{Image, ImageState},
        revision::Revision,
    },
};

impl App {
    /// The image of an earlier call with this request key; `None` where there was no such call.
    ///
    /// Continues a call that stopped between its steps: repeating a registration is harmless.
    pub(super) async fn replay_create(
        &self,
        caller: &Caller,
        key: &RequestKey,
    ) -> Result<Option<(Image, Revision)>, Fault> {
        let Some(id) = self.store.find_created(key).await?.into_response()? else {
            return Ok(None);
        };
        let image = self.store.image(id).await?.ok_or_else(rolling_back)?;
        let first = self.store.revision(id, RevisionNumber::FIRST).await?;
        let revision = first.ok_or_else(rolling_back)?;

        let image = if image.state == ImageState::Creating {
            self.resume_create(caller, &image, &revision, key).await?
        } else {
            self.show_created(caller, image).await?
        };
        Ok(Some((image, revision)))
    }

    /// Finishes a create that stopped between its steps. The owner is authorized again: the caller
    /// may have lost the right since the first call.
    async fn resume_create(
        &self,
        caller: &Caller,
        image: &Image,
        revision: &Revision,
        key: &RequestKey,
    ) -> Result<Image, Fault> {
        self.authorize_owner(caller, &image.owner_name).await.map_err(|fault| {
            let is_final = fault.reason().kind() != Kind::Unavailable;
            if is_final { fault } else { create_outcome_unknown(fault, Some(key)) }
        })?;

        let completion = self.finish_create(image, revision).await;
        completion.map_err(|fault| create_outcome_unknown(fault, Some(key)))?.into_result()
    }

    /// The answer to a call whose request id was reserved by a concurrent call.
    pub(super) async fn replay_create_in_flight(
        &self,
        caller: &Caller,
        key: Option<&RequestKey>,
    ) -> Result<(Image, Revision), Fault> {
        if let Some(key) = key
            && let Some(created) = self.replay_create(caller, key).await?
        {
            return Ok(created);
        }

        Err(request_in_progress())
    }

    /// The image as the caller may see it now. Its roles may have changed since the first call.
    async fn show_created(&self, caller: &Caller, image: Image) -> Result<Image, Fault> {
        let object = ObjectQuery::Id(ObjectKind::Image, image.id.into());
        let decision = self.authorizer.check(caller, object, Role::Manager).await?;

        if decision.allowed {
            return Ok(image);
        }
        if decision.visible {
            return Ok(Image { access: Access::for_readers(image.access), ..image });
        }
        Err(Fault::new(
            Reason::ImageNotFound,
            "The image that this request created no longer exists, or you may not see it.",
        ))
    }
}

fn rolling_back() -> Fault {
    Fault::new(
        Reason::Conflict,
        "The image of this request_id is being rolled back. Try again in a moment.",
    )
}
