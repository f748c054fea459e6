//! Access to an image.

use std::collections::HashSet;

use slipway_fault::Fault;
use slipway_names::id::UserId;
use slipway_request::field::Field;
use slipway_wire::catalog::v1 as wire;

use crate::domain::access::{Access, RequestedAccess};

/// The maximum number of groups and users together in the access of one image.
const MAX_ENTRIES: usize = 100;

pub(crate) fn to_wire(access: &Access) -> wire::ImageAccess {
    wire::ImageAccess {
        global: access.global,
        groups: access.groups.iter().map(|group| group.name.clone()).collect(),
        users: access.users.iter().map(ToString::to_string).collect(),
    }
}

/// Each user once. Groups stay as given, since only permission knows which of them are the same.
pub(crate) fn from_wire(access: Option<wire::ImageAccess>) -> Result<RequestedAccess, Fault> {
    let access = access.unwrap_or_default();

    let groups = access.groups.iter().collect::<HashSet<_>>().len();
    if groups > MAX_ENTRIES {
        return Err(too_many_entries("access.groups"));
    }

    let mut users: Vec<UserId> = Vec::new();
    for (index, text) in access.users.iter().enumerate() {
        let user: UserId = Field(&format!("access.users[{index}]")).parse(text)?;
        if users.contains(&user) {
            continue;
        }
        if groups + users.len() == MAX_ENTRIES {
            return Err(too_many_entries("access.users"));
        }
        users.push(user);
    }

    Ok(RequestedAccess { global: access.global, groups: access.groups, users })
}

fn too_many_entries(field: &str) -> Fault {
    let description = format!(
        "exceeds the maximum of {MAX_ENTRIES} groups and users together; \
         put the users into a group"
    );
    Fault::field(field, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(numbers: std::ops::Range<u128>) -> Vec<String> {
        numbers.map(|number| UserId(uuid::Uuid::from_u128(number)).to_string()).collect()
    }

    fn groups(numbers: std::ops::Range<u128>) -> Vec<String> {
        numbers.map(|number| format!("group-{number}")).collect()
    }

    /// Expects the number of users, or the refused field.
    fn check(groups: Vec<String>, users: Vec<String>, want: Result<usize, &str>) {
        let access = from_wire(Some(wire::ImageAccess { global: false, groups, users }));

        let got = access
            .map(|access| access.users.len())
            .map_err(|fault| fault.violations()[0].field.clone());
        assert_eq!(got, want.map_err(str::to_owned));
    }

    #[test]
    fn access_over_100_entries_is_refused_by_field() {
        check(groups(0..100), Vec::new(), Ok(0));
        check(groups(0..101), Vec::new(), Err("access.groups"));
        check(groups(0..60), users(0..40), Ok(40));
        check(groups(0..60), users(0..41), Err("access.users"));
    }

    #[test]
    fn repeated_access_entries_count_once() {
        let groups = [groups(0..60), groups(0..60)].concat();
        let users = [users(0..40), users(0..40)].concat();

        check(groups, users, Ok(40));
    }

    #[test]
    fn malformed_user_is_refused_by_index() {
        check(Vec::new(), vec![users(7..8).remove(0), "alice".to_owned()], Err("access.users[1]"));
    }
}
