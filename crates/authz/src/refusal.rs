//! The faults of calls that no role allows, the same in every service. `what` names the object in
//! messages, such as "group `vision`".

use slipway_fault::{Fault, Reason};

use crate::role::Role;

/// `reason`: the object is absent or not visible, which must look the same.
pub fn not_visible(reason: Reason, what: &str) -> Fault {
    Fault::new(reason, format!("There is no {what}, or you may not see it."))
}

/// `ROLE_MISSING` on a visible object.
pub fn role_missing(role: Role, what: &str) -> Fault {
    let message = format!(
        "You can see the {what}, but you do not have the role {role} on it. Ask one of its \
         managers."
    );

    Fault::new(Reason::RoleMissing, message).metadata("role", role)
}

/// `ROLE_MISSING` on the platform, whose existence is public.
pub fn platform_role_missing(role: Role) -> Fault {
    let message = format!("This call needs the role {role} on the platform. Ask a platform admin.");

    Fault::new(Reason::RoleMissing, message).metadata("role", role)
}
