//! Creating an image, in two steps around permission.

use slipway_authorizer::ObjectQuery;
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role},
    id::{GroupId, ImageId},
    image_name::Slug,
};
use slipway_outbox::idempotency::Key;

use crate::{
    app::{App, Source, WantedAccess, registration::unsettled},
    domain::{
        access::Access,
        image::{Image, ImageState, ImageType},
        revision::Revision,
    },
};

/// Suffixes tried for a derived name that is taken.
const NAME_TRIES: usize = 5;

/// What the caller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateImage {
    /// `system`, or a group by name or id.
    pub owner: String,
    /// Derived when empty.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// For people.
    pub description: String,
    /// What it runs on.
    pub kind: ImageType,
    /// Who may read it.
    pub access: WantedAccess,
    /// What it is made from.
    pub source: Source,
}

impl CreateImage {
    /// The name that was given; `None` where it shall be derived. Refuses texts that break their rules.
    fn accept(&self) -> Result<Option<Slug>, Fault> {
        let characters = self.display_name.chars().count();
        if !(1..=64).contains(&characters) {
            return Err(Fault::field(
                "display_name",
                format!("has {characters} characters; give 1 to 64"),
            ));
        }
        if self.display_name.chars().any(char::is_control) {
            return Err(Fault::field("display_name", "has control characters; leave them away"));
        }
        if self.description.chars().any(|character| character.is_control() && character != '\n') {
            return Err(Fault::field(
                "description",
                "has control characters other than line breaks; leave them away",
            ));
        }
        if self.description.chars().count() > 4_096 {
            return Err(Fault::field("description", "has more than 4,096 characters"));
        }
        match self.name.as_str() {
            "" => Ok(None),
            name => Ok(Some(name.parse().map_err(|error| Fault::field("name", error))?)),
        }
    }
}

impl App {
    /// Creates the image with its first revision. The same key again answers the image that it made, or goes on where it was cut off.
    pub async fn create_image(
        &self,
        caller: &Caller,
        request: CreateImage,
        key: Option<Key>,
    ) -> Result<(Image, Revision), Fault> {
        if let Some(key) = &key
            && let Some(created) = self.created_before(caller, key).await?
        {
            return Ok(created);
        }
        let given_name = request.accept()?;
        let (owner, owner_name) = self.owner(caller, &request.owner).await?;
        let access = self.known_access(caller, request.access, &[]).await?;
        let source = request.source.kind();
        let draft = self.draft(caller, request.source, request.kind).await?;
        let image = Image {
            id: ImageId::new(),
            owner,
            owner_name,
            name: String::new(),
            display_name: request.display_name,
            description: request.description,
            kind: request.kind,
            source,
            state: ImageState::Creating,
            access,
            access_revision: 0,
            active_revision: 0,
            latest_revision: 1,
            creator: draft.creator,
            create_time: 0,
            update_time: 0,
            sequence: 0,
            edits: 1,
        };
        let revision = Revision { image: image.id, ..draft };
        let image = match (self.reserve(image, &revision, given_name, key.as_ref()).await, &key) {
            (Ok(image), _) => image,
            // A call with the same request id may have been faster.
            (Err(fault), Some(key)) if fault.reason() == Reason::Conflict => {
                return self.created_before(caller, key).await?.ok_or(fault);
            }
            (Err(fault), _) => return Err(fault),
        };
        let revision = Revision { create_time: image.create_time, ..revision };
        let image = self
            .finish_create(&image, &revision)
            .await
            .map_err(|fault| unsettled(fault, unfinished(key.as_ref())))?;
        Ok((image, revision))
    }

    /// The owner that the caller may create for.
    async fn owner(
        &self,
        caller: &Caller,
        owner: &str,
    ) -> Result<(Option<GroupId>, String), Fault> {
        if owner.is_empty() {
            return Err(Fault::field("owner", "is empty; give `system` or a group's name"));
        }
        if owner == "system" {
            self.authorizer.check(caller, ObjectQuery::Platform, Role::Manager).await?.require(
                Role::Manager,
                "the platform",
                Reason::RoleMissing,
            )?;
            return Ok((None, owner.to_owned()));
        }
        let what = format!("group `{}`", Fault::echo(owner));
        let decision = self
            .authorizer
            .check(caller, ObjectQuery::Group(owner.to_owned()), Role::Manager)
            .await?;
        let decision = decision
            .require(Role::Manager, &what, Reason::GroupNotFound)
            .map_err(|fault| fault.violation("owner", "is not a group that you manage"))?;
        let id = decision
            .object
            .ok_or_else(|| Fault::internal("permission allowed a group without an id"))?;
        Ok((Some(GroupId(id.0)), decision.name))
    }

    /// A given name must be free; a derived one gets a suffix until it is.
    async fn reserve(
        &self,
        image: Image,
        revision: &Revision,
        given: Option<Slug>,
        key: Option<&Key>,
    ) -> Result<Image, Fault> {
        let derived = given.is_none();
        let name = given.unwrap_or_else(|| Slug::derive(&image.display_name));
        let mut candidate = name.clone();
        for number in 2..2 + NAME_TRIES {
            let image = Image { name: candidate.to_string(), ..image.clone() };
            match self.store.reserve(image, revision, key).await {
                Err(fault) if derived && fault.reason() == Reason::NameTaken => {
                    candidate = name.with_suffix(&number.to_string())
                }
                outcome => return outcome,
            }
        }
        let image = Image { name: name.with_suffix(&image.id.short()).to_string(), ..image };
        self.store.reserve(image, revision, key).await
    }

    /// What a call with this request id made. Where it was cut off, this one goes on: permission takes the same registration again.
    async fn created_before(
        &self,
        caller: &Caller,
        key: &Key,
    ) -> Result<Option<(Image, Revision)>, Fault> {
        let Some(answer) = self.store.answered(key).await? else { return Ok(None) };
        let id: ImageId = answer.parse().map_err(Fault::internal)?;
        let taken_back = || {
            Fault::new(
                Reason::Conflict,
                "the image of this request_id is being taken back; try again in a moment",
            )
        };
        let image = self.store.image(id).await?.ok_or_else(taken_back)?;
        let revision = self.store.revision(id, 1).await?.ok_or_else(taken_back)?;
        if image.state == ImageState::Creating {
            let image = self
                .resume(caller, &image, &revision)
                .await
                .map_err(|fault| unsettled(fault, unfinished(Some(key))))?;
            return Ok(Some((image, revision)));
        }
        let object = ObjectQuery::Id(ObjectKind::Image, id.into());
        let decision = self.authorizer.check(caller, object, Role::Manager).await?;
        let access = match (decision.allowed, decision.visible) {
            (true, _) => image.access,
            (false, true) => Access::for_readers(image.access),
            (false, false) => {
                return Err(Fault::new(
                    Reason::ImageNotFound,
                    "there is no image of this request any more, or none that you may see",
                ));
            }
        };
        Ok(Some((Image { access, ..image }, revision)))
    }

    async fn resume(
        &self,
        caller: &Caller,
        image: &Image,
        revision: &Revision,
    ) -> Result<Image, Fault> {
        self.owner(caller, &image.owner_name).await?;
        self.finish_create(image, revision).await
    }
}

fn unfinished(key: Option<&Key>) -> &'static str {
    match key {
        Some(_) => {
            "the image will be finished or aborted within minutes; repeat the call with the same request_id for its answer"
        }
        None => {
            "the image will be finished or aborted within minutes; look for it before you create it again"
        }
    }
}
