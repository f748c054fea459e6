//! Creating an image, in two transactions around its registration with permission.

mod replay;

use std::iter;

use slipway_authz::{
    check::{ObjectQuery, Registered},
    role::Role,
};
use slipway_database::idempotency::{RequestKey, conflict_as_in_flight};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    id::{GroupId, ImageId, UserId},
    slug::Slug,
    text::validate_line,
};

use crate::{
    app::{
        App,
        registration::{Completion, outcome_unknown, registration},
        waiting_builds::queue_full,
    },
    domain::{
        access::{Access, RequestedAccess},
        image::{Image, ImageState, NewImage},
        image_type::ImageType,
        revision::{Draft, Revision},
        source::Source,
    },
    store::create::{FinishOutcome, ReserveOutcome},
};

/// A derived name is tried as `x`, `x-2`, … up to this number, before the image id is appended.
const LAST_NAME_NUMBER: u32 = 5;

const DISPLAY_NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=64;
const DESCRIPTION_MAX_LENGTH: usize = 4_096;

/// The request to create an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateImage {
    /// `system`, or a group by name or id.
    pub owner: String,
    /// Derived from the display name when empty.
    pub name: String,
    /// 1 to 64 characters.
    pub display_name: String,
    /// At most 4,096 characters.
    pub description: String,
    pub image_type: ImageType,
    pub access: RequestedAccess,
    pub source: Source,
}

impl CreateImage {
    /// Checks the texts. Returns the name, or `None` when it is to be derived.
    fn validate(&self) -> Result<Option<Slug>, Fault> {
        validate_line(&self.display_name, DISPLAY_NAME_LENGTH)
            .map_err(|error| Fault::field("display_name", error))?;
        if self.description.chars().any(|character| character.is_control() && character != '\n') {
            return Err(Fault::field(
                "description",
                "has control characters other than line breaks; remove them",
            ));
        }
        if self.description.chars().count() > DESCRIPTION_MAX_LENGTH {
            return Err(Fault::field("description", "has more than 4,096 characters; shorten it"));
        }

        if self.name.is_empty() {
            return Ok(None);
        }
        let name = self.name.parse().map_err(|error| Fault::field("name", error))?;
        Ok(Some(name))
    }
}

/// The owner of a new image.
struct Owner {
    /// `None` for the system.
    group: Option<GroupId>,
    /// `system`, or the group's name.
    name: String,
}

impl App {
    /// Creates an image and its first revision.
    ///
    /// Steps: validate → authorize → reserve (the image is CREATING and invisible) → register the
    /// object with permission → finish (the image is BUILDING or READY). A repeated request key
    /// returns the image of the first call, or continues where that call stopped.
    ///
    /// # Errors
    /// `NAME_TAKEN`, `GROUP_NOT_FOUND`, `USER_NOT_FOUND`, `ROLE_MISSING`, `FIELD_INVALID`,
    /// `REFERENCE_*`, `REGISTRY_UNREACHABLE`, those of a spec, `QUEUE_FULL`, `CONFLICT`,
    /// `PERMISSION_UNAVAILABLE` (nothing was created, or the reconciler completes it).
    pub async fn create_image(
        &self,
        caller: &Caller,
        request: CreateImage,
        key: Option<RequestKey>,
    ) -> Result<(Image, Revision), Fault> {
        if let Some(key) = &key
            && let Some(created) = self.replay_create(caller, key).await?
        {
            return Ok(created);
        }

        let given_name = request.validate()?;
        let owner = self.authorize_owner(caller, &request.owner).await?;
        let access = self.resolve_access(caller, &request.access, &[]).await?;
        let draft = self.verify_source(caller, &request.source, request.image_type).await?;

        let image = new_image(request, owner, access, draft.creator());
        let reserved = self.reserve_image(image, draft, given_name, key.as_ref()).await?;
        let (image, revision) = match reserved {
            ReserveOutcome::Reserved(reserved) => *reserved,
            ReserveOutcome::NameTaken(name) => return Err(name_taken(&name)),
            ReserveOutcome::InFlight => {
                return self.replay_create_in_flight(caller, key.as_ref()).await;
            }
        };

        let completion = self
            .finish_create(&image, &revision)
            .await
            .map_err(|fault| create_outcome_unknown(fault, key.as_ref()))?;
        Ok((completion.into_result()?, revision))
    }

    /// Requires MANAGER of the owner.
    async fn authorize_owner(&self, caller: &Caller, owner: &str) -> Result<Owner, Fault> {
        if owner.is_empty() {
            return Err(Fault::field("owner", "is empty; give `system` or a group's name"));
        }
        if owner == "system" {
            let decision =
                self.authorizer.check(caller, ObjectQuery::Platform, Role::Manager).await?;
            decision.require_on_platform(Role::Manager)?;
            return Ok(Owner { group: None, name: owner.to_owned() });
        }

        let what = format!("group `{}`", Fault::quote_input(owner));
        let decision = self
            .authorizer
            .check(caller, ObjectQuery::Group(owner.to_owned()), Role::Manager)
            .await?
            .require(Role::Manager, &what, Reason::GroupNotFound)
            .map_err(|fault| fault.violation("owner", "is not a group that you manage"))?;
        let id = decision
            .object
            .ok_or_else(|| Fault::internal("permission allowed a group without an id"))?;

        Ok(Owner { group: Some(GroupId(id.0)), name: decision.name })
    }

    /// Second half of a create: registers the image and makes it visible. A refusal rolls it back.
    ///
    /// The first call, a repeat of it and the reconciler may run this at the same time: the
    /// registration is the same each time, and one of them finishes the image.
    ///
    /// # Errors
    /// `PERMISSION_UNAVAILABLE`, and others after which the image is still CREATING.
    pub async fn finish_create(
        &self,
        image: &Image,
        revision: &Revision,
    ) -> Result<Completion, Fault> {
        let registration = registration(image, &image.access);
        let policy_version = match self.authorizer.register(registration).await? {
            Registered::At(policy_version) => policy_version,
            Registered::Refused(fault) => return self.roll_back(image.id, fault).await,
        };

        let settings = self.build_settings();
        match self.store.finish_create(image, revision, policy_version, &settings).await? {
            FinishOutcome::Finished(image) => Ok(Completion::Completed(image)),
            FinishOutcome::QueueFull => {
                self.roll_back(image.id, queue_full(image, &settings)).await
            }
            FinishOutcome::NotCreating => self.finished_before(image.id).await,
        }
    }

    /// Deletes an image that is still CREATING. An image that is finished stays.
    ///
    /// Our row is deleted first: an object without an image is harmless, an image without an object
    /// is not.
    async fn roll_back(&self, id: ImageId, refusal: Fault) -> Result<Completion, Fault> {
        if self.store.abort_create(id).await? {
            self.authorizer.remove(id.into()).await?;
        }
        Ok(Completion::Refused(refusal))
    }

    /// The image that a concurrent call has finished, unless it was rolled back.
    async fn finished_before(&self, id: ImageId) -> Result<Completion, Fault> {
        let present = self.store.image(id).await?;
        let finished = present.filter(|image| image.state != ImageState::Creating);

        Ok(match finished {
            Some(image) => Completion::Completed(Box::new(image)),
            None => Completion::Refused(rolled_back()),
        })
    }

    /// Reserves the given name, or a name derived from the display name: `x`, `x-2`, `x-3`, …
    async fn reserve_image(
        &self,
        image: NewImage,
        draft: Draft,
        given_name: Option<Slug>,
        key: Option<&RequestKey>,
    ) -> Result<ReserveOutcome, Fault> {
        if let Some(name) = given_name {
            let image = NewImage { name: name.to_string(), ..image };
            return self.try_reserve(image, draft, key).await;
        }

        let derived = Slug::derive(&image.display_name);
        let numbered =
            (2..=LAST_NAME_NUMBER).map(|number| derived.with_suffix(&number.to_string()));
        for name in iter::once(derived.clone()).chain(numbered) {
            let image = NewImage { name: name.to_string(), ..image.clone() };
            match self.try_reserve(image, draft.clone(), key).await? {
                ReserveOutcome::NameTaken(_) => {}
                reserve => return Ok(reserve),
            }
        }

        let name = derived.with_suffix(&image.id.short()).to_string();
        self.try_reserve(NewImage { name, ..image }, draft, key).await
    }

    async fn try_reserve(
        &self,
        image: NewImage,
        draft: Draft,
        key: Option<&RequestKey>,
    ) -> Result<ReserveOutcome, Fault> {
        let reserve = self.store.reserve_image(image, draft, key).await;
        Ok(conflict_as_in_flight(reserve, key, ReserveOutcome::InFlight)?)
    }
}

/// An image that has no name yet.
fn new_image(request: CreateImage, owner: Owner, access: Access, creator: UserId) -> NewImage {
    NewImage {
        id: ImageId::new(),
        owner: owner.group,
        owner_name: owner.name,
        name: String::new(),
        display_name: request.display_name,
        description: request.description,
        image_type: request.image_type,
        source: request.source.kind(),
        access,
        creator,
    }
}

fn name_taken(qualified_name: &str) -> Fault {
    let message = format!("An image `{qualified_name}` already exists. Choose another name.");
    Fault::new(Reason::NameTaken, message)
        .metadata("name", qualified_name)
        .violation("name", "is taken")
}

fn rolled_back() -> Fault {
    Fault::new(Reason::Conflict, "The image was rolled back in the meantime. Create it again.")
}

fn create_outcome_unknown(fault: Fault, key: Option<&RequestKey>) -> Fault {
    let advice = if key.is_some() {
        "The image will be completed or rolled back within a few minutes; \
         repeat the call with the same request_id to see which."
    } else {
        "The image will be completed or rolled back within a few minutes; \
         look for it before you create it again."
    };
    outcome_unknown(fault, advice)
}
