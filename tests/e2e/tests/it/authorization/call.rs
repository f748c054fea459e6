//! Calls by the descriptors of the protos, so that one function makes every call.

use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

/// An RPC of the protos.
pub(super) struct Method {
    /// `<service>/<method>`
    pub(super) name: String,
    path: PathAndQuery,
    is_stream: bool,
}

/// All RPCs of the protos.
pub(super) fn methods() -> Vec<Method> {
    let protos = FileDescriptorSet::decode(slipway_wire::DESCRIPTOR_SET).unwrap();

    let mut methods = Vec::new();
    for file in &protos.file {
        for service in &file.service {
            for method in &service.method {
                let name = format!("{}/{}", service.name(), method.name());
                methods.push(Method {
                    path: format!("/{}.{name}", file.package()).parse().unwrap(),
                    name,
                    is_stream: method.server_streaming(),
                });
            }
        }
    }
    methods
}

impl Method {
    /// Makes a call. The response is ignored; a stream is closed when it has been opened.
    pub(super) async fn send<T: Message + 'static>(
        &self,
        channel: Channel,
        request: Request<T>,
    ) -> Result<(), Status> {
        let mut client = Grpc::new(channel);
        client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;

        let codec = ProstCodec::<T, ()>::default();
        let responses = client.server_streaming(request, self.path.clone(), codec).await?;
        if !self.is_stream {
            responses.into_inner().message().await?;
        }

        Ok(())
    }
}
