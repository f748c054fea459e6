//! Images: the entries of the catalog.

use std::{fmt, num::ParseIntError, str::FromStr, time::Duration};

use slipway_names::{
    id::{GroupId, ImageId, UserId},
    revision::RevisionNumber,
    unit::{Micros, PolicyVersion},
};
use strum::{Display, EnumString};

use crate::domain::{
    access::Access,
    image_type::ImageType,
    revision::{Revision, RevisionState},
};

/// The origin of an image's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = unknown_image_source)]
pub enum ImageSource {
    /// A reference that was built outside Slipway.
    Existing,
    /// A build of Slipway.
    Custom,
}

fn unknown_image_source(text: &str) -> String {
    format!("`{text}` is not an image source")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = unknown_image_state)]
pub enum ImageState {
    /// Internal and invisible: the image is not yet registered with permission.
    Creating,
    /// No revision resolves yet, and the newest one is being built.
    Building,
    /// At least one revision resolves.
    Ready,
    /// No revision resolves, and the last build failed.
    Failed,
    /// No revision resolves, and the last build was cancelled.
    Cancelled,
}

fn unknown_image_state(text: &str) -> String {
    format!("`{text}` is not an image state")
}

/// What happened to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ImageEvent {
    Created,
    AccessChanged,
}

/// Counts the edits of users, not the progress of builds; the etag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageVersion(pub i64);

impl ImageVersion {
    pub const FIRST: Self = Self(1);

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl FromStr for ImageVersion {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ImageVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An image that is not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImage {
    pub id: ImageId,
    /// `None` for system images.
    pub owner: Option<GroupId>,
    /// `system`, or the group's name.
    pub owner_name: String,
    /// Unique within the owner.
    pub name: String,
    /// Shown to people.
    pub display_name: String,
    /// Shown to people.
    pub description: String,
    pub image_type: ImageType,
    pub source: ImageSource,
    pub access: Access,
    /// The user who creates the image.
    pub creator: UserId,
}

impl NewImage {
    /// The image as it is reserved: CREATING, with one revision.
    pub fn reserved_at(self, now: Micros) -> Image {
        Image {
            id: self.id,
            owner: self.owner,
            owner_name: self.owner_name,
            name: self.name,
            display_name: self.display_name,
            description: self.description,
            image_type: self.image_type,
            source: self.source,
            state: ImageState::Creating,
            access: self.access,
            access_version: PolicyVersion::ZERO,
            active_revision: None,
            latest_revision: RevisionNumber::FIRST,
            creator: self.creator,
            create_time: now,
            update_time: now,
            version: ImageVersion::FIRST,
        }
    }
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub id: ImageId,
    /// `None` for system images.
    pub owner: Option<GroupId>,
    /// `system`, or the group's name.
    pub owner_name: String,
    /// Unique within the owner.
    pub name: String,
    /// Shown to people.
    pub display_name: String,
    /// Shown to people.
    pub description: String,
    pub image_type: ImageType,
    pub source: ImageSource,
    pub state: ImageState,
    /// Who may read the image, beside the managers of its owner.
    pub access: Access,
    /// The policy version at which access or content was last decided. Reads see the image once the
    /// projection has reached it.
    pub access_version: PolicyVersion,
    /// The revision that resolves; `None` while none is READY.
    pub active_revision: Option<RevisionNumber>,
    /// The number of the newest revision.
    pub latest_revision: RevisionNumber,
    /// The user who created the image.
    pub creator: UserId,
    pub create_time: Micros,
    /// The last change by a user or a build.
    pub update_time: Micros,
    pub version: ImageVersion,
}

impl Image {
    /// `<owner>/<name>`
    pub fn qualified_name(&self) -> String {
        format!("{}/{}", self.owner_name, self.name)
    }

    /// The repository of the image's builds within the registry: `<owner>/<name>-<last 8 of the
    /// id>`.
    pub fn repository(&self) -> String {
        format!("{}-{}", self.qualified_name(), self.id.short())
    }

    /// The image after one of its revisions was added or has settled.
    ///
    /// A READY image stays READY. The active revision never goes back to an older one. A revision
    /// that is neither READY nor the newest changes nothing.
    #[must_use]
    pub fn with_revision(self, number: RevisionNumber, revision_state: RevisionState) -> Self {
        let latest_revision = self.latest_revision.max(number);
        let has_active = self.active_revision.is_some();
        let is_superseded = number < latest_revision;

        let (state, active_revision) = match revision_state {
            RevisionState::Ready => (ImageState::Ready, self.active_revision.max(Some(number))),
            _ if has_active || is_superseded => (self.state, self.active_revision),
            RevisionState::Building => (ImageState::Building, None),
            RevisionState::Failed => (ImageState::Failed, None),
            RevisionState::Cancelled => (ImageState::Cancelled, None),
        };

        Self { state, active_revision, latest_revision, ..self }
    }
}

/// An image as one reader sees it, with its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDetail {
    pub image: Image,
    /// The newest revision.
    pub latest: Revision,
    /// The revision that resolves; `None` while none is READY.
    pub active: Option<Revision>,
    /// The age of the grants by which the reader sees the image.
    pub access_age: Duration,
}

impl ImageDetail {
    /// What a reader may see whose grants may be outdated.
    #[must_use]
    pub fn without_artifacts(self) -> Self {
        Self {
            latest: self.latest.without_artifacts(),
            active: self.active.map(Revision::without_artifacts),
            ..self
        }
    }
}

/// An image in a list, as one reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    pub image: Image,
    /// The newest revision.
    pub latest: Revision,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::image;

    fn check(
        before: (ImageState, i32, i32),
        (number, state): (i32, RevisionState),
        want: (ImageState, i32, i32),
    ) {
        let number = RevisionNumber::try_from(number).unwrap();

        let after = image(before.0, before.1, before.2).with_revision(number, state);

        let active = after.active_revision.map_or(0, RevisionNumber::get);
        let got = (after.state, active, after.latest_revision.get());
        assert_eq!(got, want, "{before:?}: revision {number} is {state}");
    }

    #[test]
    fn image_state_follows_its_newest_revision_unless_ready() {
        use ImageState as Image;
        use RevisionState as Revision;

        check((Image::Creating, 0, 1), (1, Revision::Building), (Image::Building, 0, 1));
        check((Image::Creating, 0, 1), (1, Revision::Ready), (Image::Ready, 1, 1));

        check((Image::Building, 0, 1), (1, Revision::Ready), (Image::Ready, 1, 1));
        check((Image::Building, 0, 1), (1, Revision::Failed), (Image::Failed, 0, 1));
        check((Image::Building, 0, 1), (1, Revision::Cancelled), (Image::Cancelled, 0, 1));
        check((Image::Building, 0, 2), (1, Revision::Failed), (Image::Building, 0, 2));

        check((Image::Failed, 0, 1), (2, Revision::Building), (Image::Building, 0, 2));
        check((Image::Failed, 0, 1), (2, Revision::Ready), (Image::Ready, 2, 2));

        check((Image::Ready, 1, 1), (2, Revision::Building), (Image::Ready, 1, 2));
        check((Image::Ready, 1, 2), (2, Revision::Failed), (Image::Ready, 1, 2));
        check((Image::Ready, 1, 2), (2, Revision::Ready), (Image::Ready, 2, 2));
        check((Image::Ready, 3, 3), (2, Revision::Ready), (Image::Ready, 3, 3));
    }
}
