//! The naming rule of the RPCs in `proto/`.

/// Whether the RPC streams: its name then begins with Watch or Stream. `path` is the path of the
/// HTTP request, `/<package>.<service>/<name>`, or its last part.
pub fn is_stream(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("Watch") || name.starts_with("Stream")
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::{FileDescriptorProto, FileDescriptorSet};

    use super::*;

    #[test]
    fn names_of_all_rpcs_follow_the_rule() {
        let set = FileDescriptorSet::decode(slipway_wire::DESCRIPTOR_SET).unwrap();

        let checked: usize = set.file.iter().map(check_file).sum();
        assert!(checked > 20, "{checked} RPCs");
    }

    /// The number of RPCs in the file.
    fn check_file(file: &FileDescriptorProto) -> usize {
        let mut checked = 0;
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let streams = method.client_streaming() || method.server_streaming();

                assert_eq!(is_stream(&path), streams, "{path}");
                checked += 1;
            }
        }
        checked
    }
}
