//! `catalog.build.requested`: the request of a build, from the broker or fetched from the catalog.

use slipway_fault::Fault;
use slipway_request::field::Field;
use slipway_wire::builder::v1::{BuildRequested, BuildSpec};

use crate::domain::{build::Request, spec::Spec};

/// Fails with `FIELD_INVALID`.
impl TryFrom<BuildRequested> for Request {
    type Error = Fault;

    fn try_from(message: BuildRequested) -> Result<Self, Fault> {
        let request_time = Field("request_time").require(message.request_time)?;

        Ok(Self {
            id: Field("build_id").parse(&message.build_id)?,
            image: Field("image_id").parse(&message.image_id)?,
            image_name: message.image_name,
            revision: message.revision,
            requester: Field("requester").parse(&message.requester)?,
            spec: Field("spec").require(message.spec)?.try_into()?,
            repository: message.repository,
            request_time: Field("request_time").time(request_time)?,
            access_version: Field("access_version").convert(message.access_version)?,
        })
    }
}

/// Fails with `FIELD_INVALID`.
impl TryFrom<BuildSpec> for Spec {
    type Error = Fault;

    fn try_from(spec: BuildSpec) -> Result<Self, Fault> {
        if !spec.gpu_base_reference.is_empty() {
            return Err(Fault::field(
                "spec.gpu_base_reference",
                "is not supported by this version of the builder",
            ));
        }

        Ok(Self {
            base_reference: spec.base_reference,
            apt: spec.apt,
            conda: spec.conda,
            pip: spec.pip,
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use slipway_names::{
        id::{BuildId, ImageId, UserId},
        unit::Micros,
    };

    use super::*;

    fn message() -> BuildRequested {
        BuildRequested {
            build_id: BuildId::new().to_string(),
            image_id: ImageId::new().to_string(),
            image_name: "vision/tools".to_owned(),
            revision: 1,
            requester: UserId::derive("test", "alice").to_string(),
            spec: Some(BuildSpec { base_reference: "base".to_owned(), ..BuildSpec::default() }),
            repository: "localhost:5000/vision/tools-00000000".to_owned(),
            request_time: Some(DateTime::<Utc>::from(Micros(1_700_000_000_000_001)).into()),
            access_version: 7,
        }
    }

    #[test]
    fn complete_message_becomes_a_request() {
        let request = Request::try_from(message()).unwrap();

        assert_eq!(request.request_time, Micros(1_700_000_000_000_001));
        assert_eq!(request.access_version.get(), 7);
        assert_eq!(request.spec.base_reference, "base");
    }

    #[test]
    fn unknown_field_is_ignored_in_the_message_and_refused_in_its_spec() {
        let mut json = serde_json::to_value(message()).unwrap();
        json["laterField"] = true.into();
        assert!(serde_json::from_value::<BuildRequested>(json.clone()).is_ok());

        json["spec"]["laterField"] = true.into();
        assert!(serde_json::from_value::<BuildRequested>(json).is_err());
    }

    #[test]
    fn incomplete_or_malformed_message_is_refused() {
        check_refused("build_id", |message| message.build_id.clear());
        check_refused("requester", |message| message.requester = "alice".to_owned());
        check_refused("spec", |message| message.spec = None);
        check_refused("spec.gpu_base_reference", |message| {
            message.spec.get_or_insert_default().gpu_base_reference = "cuda".to_owned();
        });
        check_refused("request_time", |message| message.request_time = None);
        check_refused("request_time", |message| {
            message.request_time.get_or_insert_default().seconds = i64::MAX;
        });
        check_refused("access_version", |message| message.access_version = -1);
    }

    fn check_refused(field: &str, change: impl FnOnce(&mut BuildRequested)) {
        let mut message = message();
        change(&mut message);

        let fault = Request::try_from(message).unwrap_err();
        let [violation] = fault.violations() else { panic!("{fault:?}") };
        assert_eq!(violation.field, field);
    }
}
