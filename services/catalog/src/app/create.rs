//! Creating an image, in two steps around permission.

use slipway_authorizer::{ObjectQuery, Registration, SubjectQuery};
use slipway_fault::{Fault, Kind, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::{GroupId, ImageId},
    image_name::Slug,
};
use slipway_outbox::idempotency::Key;

use crate::{
    app::{App, Source},
    domain::{
        image::{Access, Image, ImageState, ImageType},
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
    pub access: Access,
    /// What it is made from.
    pub source: Source,
}

impl App {
    /// Creates the image with its first revision. The same key again answers the image that it made.
    pub async fn create_image(&self, caller: &Caller, request: CreateImage, key: Option<Key>) -> Result<(Image, Revision), Fault> {
        if let Some(key) = &key
            && let Some(answer) = self.store.answered(key).await?
        {
            return self.created_before(caller, &answer).await;
        }
        let characters = request.display_name.chars().count();
        if !(1..=64).contains(&characters) {
            return Err(Fault::field("display_name", format!("has {characters} characters; give 1 to 64")));
        }
        if request.display_name.chars().any(char::is_control) {
            return Err(Fault::field("display_name", "has control characters; leave them away"));
        }
        if request.description.chars().any(|character| character.is_control() && character != '\n') {
            return Err(Fault::field("description", "has control characters other than line breaks; leave them away"));
        }
        if request.description.chars().count() > 4_096 {
            return Err(Fault::field("description", "has more than 4,096 characters"));
        }
        let given_name: Option<Slug> = match request.name.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|error| Fault::field("name", error))?),
        };
        let (owner, owner_name) = self.owner(caller, &request.owner).await?;
        let draft = self.draft(caller, request.source.clone(), request.kind).await?;
        let image = Image {
            id: ImageId::new(),
            owner,
            owner_name,
            name: String::new(),
            display_name: request.display_name.clone(),
            description: request.description.clone(),
            kind: request.kind,
            source: request.source.kind(),
            state: ImageState::Creating,
            access: request.access.clone(),
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
        let image = self.reserve(image, &revision, given_name, key.as_ref()).await?;
        match self.authorizer.register(registration(&image)).await {
            Ok(access_revision) => {
                let revision = Revision { create_time: image.create_time, ..revision };
                let image = self.store.finish_create(&image, &revision, access_revision, &self.repository(&image)).await?;
                Ok((image, revision))
            }
            // Where permission may have heard of it, the reconciler takes it back on both sides.
            Err(fault) if !is_refusal(&fault) => Err(fault),
            Err(fault) => {
                self.store.abort_create(image.id).await?;
                Err(fault)
            }
        }
    }

    /// The owner that the caller may create for.
    async fn owner(&self, caller: &Caller, owner: &str) -> Result<(Option<GroupId>, String), Fault> {
        if owner.is_empty() {
            return Err(Fault::field("owner", "is empty; give `system` or a group's name"));
        }
        if owner == "system" {
            self.authorizer.check(caller, ObjectQuery::Platform, Role::Manager).await?.require(Role::Manager, "the platform", Reason::RoleMissing)?;
            return Ok((None, owner.to_owned()));
        }
        let what = format!("group `{}`", owner.escape_default());
        let decision = self.authorizer.check(caller, ObjectQuery::Group(owner.to_owned()), Role::Manager).await?;
        let decision = decision
            .require(Role::Manager, &what, Reason::GroupNotFound)
            .map_err(|fault| fault.violation("owner", "is not a group that you manage"))?;
        let id = decision.object.ok_or_else(|| Fault::internal("permission allowed a group without an id"))?;
        Ok((Some(GroupId(id.0)), decision.name))
    }

    /// A given name must be free; a derived one gets a suffix until it is.
    async fn reserve(&self, image: Image, revision: &Revision, given: Option<Slug>, key: Option<&Key>) -> Result<Image, Fault> {
        let derived = given.is_none();
        let name = given.unwrap_or_else(|| Slug::derive(&image.display_name));
        let mut candidate = name.clone();
        for number in 2..2 + NAME_TRIES {
            let image = Image { name: candidate.to_string(), ..image.clone() };
            match self.store.reserve(image, revision, key).await {
                Err(fault) if derived && fault.reason() == Reason::NameTaken => candidate = name.with_suffix(&number.to_string()),
                outcome => return outcome,
            }
        }
        let image = Image { name: name.with_suffix(&image.id.short()).to_string(), ..image };
        self.store.reserve(image, revision, key).await
    }

    async fn created_before(&self, caller: &Caller, answer: &str) -> Result<(Image, Revision), Fault> {
        let id: ImageId = answer.parse().map_err(Fault::internal)?;
        let image = self.store.image(id).await?.filter(|image| image.state != ImageState::Creating);
        let image =
            image.ok_or_else(|| Fault::new(Reason::Conflict, "the first call with this request_id is still under way; try again in a moment"))?;
        let object = ObjectQuery::Id(ObjectKind::Image, id.into());
        self.authorizer.check(caller, object, Role::Reader).await?.require(Role::Reader, "image of this request", Reason::ImageNotFound)?;
        let revision = self.store.revision(id, 1).await?.ok_or_else(|| Fault::internal("an image has no first revision"))?;
        Ok((image, revision))
    }
}

/// Whether permission said no, and has changed nothing. Anything else may have been heard.
pub(super) fn is_refusal(fault: &Fault) -> bool {
    matches!(fault.reason().kind(), Kind::InvalidArgument | Kind::NotFound | Kind::FailedPrecondition | Kind::PermissionDenied)
}

/// The image as permission shall know it.
pub(crate) fn registration(image: &Image) -> Registration {
    let reader = |kind, id: String| (SubjectQuery { kind, id }, Role::Reader);
    let access = &image.access;
    let everyone = access.global.then(|| reader(SubjectKind::Everyone, String::new()));
    let groups = access.groups.iter().map(|group| reader(SubjectKind::Group, group.clone()));
    let users = access.users.iter().map(|user| reader(SubjectKind::User, user.to_string()));
    Registration {
        object: image.id.into(),
        kind: ObjectKind::Image,
        owner: image.owner,
        grants: everyone.into_iter().chain(groups).chain(users).collect(),
    }
}
