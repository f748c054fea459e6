//! `BuildService`: reads, watches and cancels builds.

use futures_util::stream;
use slipway_authz::role::Role;
use slipway_identity::caller;
use slipway_request::{field::Field, page::Page};
use slipway_wire::builder::v1::{self as wire, build_service_server::BuildService};
use tonic::{Request, Response, Status};

use crate::{
    api::{Api, ResponseStream, log::stream_build_logs},
    app::build::BuildWatch,
};

#[tonic::async_trait]
impl BuildService for Api {
    type WatchBuildStream = ResponseStream<wire::WatchBuildResponse>;
    type StreamBuildLogsStream = ResponseStream<wire::StreamBuildLogsResponse>;

    async fn get_build(
        &self,
        request: Request<wire::GetBuildRequest>,
    ) -> Result<Response<wire::GetBuildResponse>, Status> {
        let caller = caller(&request)?;
        let id = Field("build_id").parse(&request.into_inner().build_id)?;

        let build = self.app.build(&caller, id, Role::Reader).await?;

        Ok(Response::new(wire::GetBuildResponse { build: Some(build.into()) }))
    }

    async fn list_builds(
        &self,
        request: Request<wire::ListBuildsRequest>,
    ) -> Result<Response<wire::ListBuildsResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id;
        let request = request.into_inner();
        let image = Field("image_id").parse_optional(&request.image_id)?;
        let list = ["builds", &request.image_id];
        let page = Page::parse(user, &list, request.page_size, &request.page_token, 1)?;

        let mut builds = self.app.builds(&caller, image, &page).await?;
        let next_page_token = page.cut(&mut builds, |build| vec![build.request.id.to_string()]);

        Ok(Response::new(wire::ListBuildsResponse {
            builds: builds.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn watch_build(
        &self,
        request: Request<wire::WatchBuildRequest>,
    ) -> Result<Response<Self::WatchBuildStream>, Status> {
        let caller = caller(&request)?;
        let id = Field("build_id").parse(&request.into_inner().build_id)?;

        let watch = self.app.watch_build(caller, id, self.stop.clone()).await?;

        Ok(Response::new(Box::pin(stream::unfold(watch, next_response))))
    }

    async fn cancel_build(
        &self,
        request: Request<wire::CancelBuildRequest>,
    ) -> Result<Response<wire::CancelBuildResponse>, Status> {
        let caller = caller(&request)?;
        let id = Field("build_id").parse(&request.into_inner().build_id)?;

        let build = self.app.cancel(&caller, id).await?;

        Ok(Response::new(wire::CancelBuildResponse { build: Some(build.into()) }))
    }

    async fn stream_build_logs(
        &self,
        request: Request<wire::StreamBuildLogsRequest>,
    ) -> Result<Response<Self::StreamBuildLogsStream>, Status> {
        let caller = caller(&request)?;
        let responses = stream_build_logs(self, caller, request.into_inner()).await?;

        Ok(Response::new(responses))
    }
}

async fn next_response(
    mut watch: BuildWatch,
) -> Option<(Result<wire::WatchBuildResponse, Status>, BuildWatch)> {
    let response = match watch.next().await? {
        Ok(build) => Ok(wire::WatchBuildResponse { build: Some(build.into()) }),
        Err(fault) => Err(fault.into()),
    };

    Some((response, watch))
}
