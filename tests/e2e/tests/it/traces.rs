//! One trace from the caller through the broker to the build's steps, as an OTLP collector receives it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::world::{ended, traced_full};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Names of the spans of [`TRACE`], each after its service's.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<String>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let service = attributes
                .iter()
                .find(|attribute| attribute.key == "service.name")
                .map(|attribute| format!("{:?}", attribute.value))
                .unwrap_or_default();
            let service = ["permission", "catalog", "builder"]
                .into_iter()
                .find(|name| service.contains(name))
                .unwrap_or("unknown");
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let trace: String =
                    span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
                if trace == TRACE {
                    self.0.lock().unwrap().push(format!("{service} {}", span.name));
                }
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test]
async fn one_trace_from_the_call_to_the_steps() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = Collector::default();
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    let Some(world) = traced_full(&endpoint).await else { return };

    let mut request = world.call("admin", world.custom("system", "traced", &["jq"]));
    request
        .metadata_mut()
        .insert("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01").parse().unwrap());
    let created = world.images().create_image(request).await.unwrap().into_inner();
    let build = created.image.unwrap().latest_build.unwrap().build_id;
    world.wait_for_build(&build, Duration::from_secs(120), ended).await;

    let wanted = [
        "catalog rpc",
        "permission rpc",
        "builder queue build",
        "builder build",
        "builder prepare",
        "builder install",
        "builder push",
        "catalog note build state",
    ];
    let began = Instant::now();
    loop {
        let seen = collector.0.lock().unwrap().clone();
        let missing: Vec<&&str> =
            wanted.iter().filter(|name| !seen.iter().any(|span| span == **name)).collect();
        if missing.is_empty() {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "the trace lacks {missing:?}; it has {seen:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
