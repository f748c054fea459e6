//! The columns of the matrix: how each caller identifies itself.

use slipway_identity::{ON_BEHALF_OF, ServiceName};
use slipway_testrig::{call::with_token, identity::TestKeys};
use tonic::Request;

/// A request of a caller. The name of a user's column is its subject.
pub(super) fn request_of<T>(keys: &TestKeys, caller: &str, message: T) -> Request<T> {
    let of_service = |service, message| with_token(&keys.service_token(service), message);

    match caller {
        "nobody" => Request::new(message),
        "permission" => of_service(ServiceName::Permission, message),
        "catalog" => of_service(ServiceName::Catalog, message),
        "builder" => of_service(ServiceName::Builder, message),
        "catalog-for-stranger" => {
            let mut request = of_service(ServiceName::Catalog, message);
            let user = keys.user_token("stranger").parse().unwrap();
            request.metadata_mut().insert(ON_BEHALF_OF, user);
            request
        }
        user => with_token(&keys.user_token(user), message),
    }
}
