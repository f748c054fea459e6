//! Traces: one trace from the caller through the broker to the steps of the build, as an OTLP
//! collector receives it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::ResourceSpans,
};
use slipway_testrig::stack::SERVICES;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::fixture::{BUILD_TIMEOUT, build_id, full_with_traces, has_ended, wait_until};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// `<service> <span>` for each span that the trace must have.
const SPANS: [&str; 8] = [
    "catalog rpc",
    "permission rpc",
    "builder queue build",
    "builder build",
    "builder prepare",
    "builder install",
    "builder push",
    "catalog apply build update",
];

/// The spans of the trace [`TRACE_ID`], each as `<service> <span>`.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<String>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            self.collect(resource);
        }

        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    fn collect(&self, resource: ResourceSpans) {
        let service = service_name(&resource);

        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            if hex::encode(&span.trace_id) == TRACE_ID {
                self.0.lock().unwrap().push(format!("{service} {}", span.name));
            }
        }
    }

    fn missing_spans(&self) -> Vec<&'static str> {
        let seen = self.0.lock().unwrap();
        SPANS.into_iter().filter(|name| !seen.iter().any(|span| span == name)).collect()
    }
}

/// The service of the spans, from the attribute `service.name`.
fn service_name(resource: &ResourceSpans) -> &'static str {
    let attributes = resource.resource.iter().flat_map(|resource| &resource.attributes);
    let name = attributes
        .filter(|attribute| attribute.key == "service.name")
        .map(|attribute| format!("{:?}", attribute.value))
        .next()
        .unwrap_or_default();

    SERVICES.into_iter().find(|service| name.contains(service)).unwrap_or("unknown")
}

#[tokio::test]
async fn one_trace_spans_the_call_the_broker_and_the_steps() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = Collector::default();
    let service = TraceServiceServer::new(collector.clone());
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
    let Some(fixture) = full_with_traces(&endpoint).await else { return };

    let image = fixture.custom_image("system", "traced", &["jq"]);
    let mut request = fixture.request("admin", image);
    let parent = format!("00-{TRACE_ID}-b7ad6b7169203331-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    let created = fixture.images().create_image(request).await.unwrap().into_inner();
    let build = build_id(&created.image.unwrap());
    fixture.wait_for_build(&build, BUILD_TIMEOUT, has_ended).await;

    wait_until(Duration::from_secs(30), async || {
        let missing = collector.missing_spans();
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!("the trace lacks {missing:?}; it has {:?}", collector.0.lock().unwrap()))
    })
    .await;
}
