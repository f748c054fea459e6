//! Who may read an image, as callers name it and change it.

use std::collections::HashSet;

use slipway_authorizer::ObjectQuery;
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::Role,
    id::{GroupId, UserId},
};

use crate::{
    app::{App, registration::unsettled},
    domain::{
        access::{Access, ReadingGroup},
        image::Image,
    },
    store::etag_mismatch,
};

/// Who shall read an image, as the caller names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedAccess {
    /// Every signed-in user.
    pub global: bool,
    /// Groups by name or id.
    pub groups: Vec<String>,
    /// Users.
    pub users: Vec<UserId>,
}

impl App {
    /// Replaces the access: wanted here, registered at permission, then held here from its revision on. What is cut off, the reconciler finishes.
    pub async fn set_access(
        &self,
        caller: &Caller,
        id_or_name: &str,
        wanted: WantedAccess,
        etag: &str,
    ) -> Result<Image, Fault> {
        let (image, _) = self.image_for(caller, id_or_name, Role::Manager).await?;
        let etag = match etag {
            "" => None,
            text => Some(text.parse::<i64>().map_err(|_| etag_mismatch())?),
        };
        let access = self.known_access(caller, wanted, &image.access.groups).await?;
        self.store.want_access(image.id, &access, etag).await?;
        let edited = Image { access, ..image };
        self.finish_access(&edited)
            .await
            .map_err(|fault| unsettled(fault, "the change of access will be finished or dropped within minutes; read the image again to see which"))
    }

    /// The groups that the caller named, each once. One that it does not see is refused like one that is not there, unless it is `present`: who
    /// manages an image may write back what it reads.
    pub(super) async fn known_access(
        &self,
        caller: &Caller,
        wanted: WantedAccess,
        present: &[ReadingGroup],
    ) -> Result<Access, Fault> {
        let mut named = HashSet::new();
        let mut groups = Vec::new();
        for (index, name_or_id) in wanted.groups.iter().enumerate() {
            if !named.insert(name_or_id) {
                continue;
            }
            if let Some(group) = present
                .iter()
                .find(|group| group.name == *name_or_id || group.id.to_string() == *name_or_id)
            {
                if !groups.contains(group) {
                    groups.push(group.clone());
                }
                continue;
            }
            let what = format!("group `{}`", Fault::echo(name_or_id));
            let decision = self
                .authorizer
                .check(caller, ObjectQuery::Group(name_or_id.clone()), Role::Reader)
                .await?;
            let decision =
                decision.require(Role::Reader, &what, Reason::GroupNotFound).map_err(|fault| {
                    fault
                        .violation(format!("access.groups[{index}]"), "is not a group that you see")
                })?;
            let id = decision
                .object
                .ok_or_else(|| Fault::internal("permission allowed a group without an id"))?;
            let group = ReadingGroup { id: GroupId(id.0), name: decision.name };
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        Ok(Access { global: wanted.global, groups, users: wanted.users })
    }
}
