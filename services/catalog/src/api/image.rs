//! ImageService.

use slipway_identity::caller;
use slipway_request::{key::request_key, page::Page};
use slipway_wire::catalog::v1::{self as wire, image_service_server::ImageService};
use tonic::{Request, Response, Status};

use crate::{
    api::Api,
    app::create::CreateImage,
    domain::image::Image,
    messages::{access, image, image_type, list, resolve, revision, source},
};

#[tonic::async_trait]
impl ImageService for Api {
    async fn create_image(
        &self,
        request: Request<wire::CreateImageRequest>,
    ) -> Result<Response<wire::CreateImageResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let key = request_key(&caller, "CreateImage", &request.request_id, &request)?;

        let source = source::of_image(request.source)?;
        let image_type = image_type::from_wire(request.r#type)?;
        let create = CreateImage {
            owner: request.owner,
            name: request.name,
            display_name: request.display_name,
            description: request.description,
            image_type,
            access: access::from_wire(request.access)?,
            source,
        };

        let (image, revision) = self.app.create_image(&caller, create, key).await?;

        Ok(Response::new(wire::CreateImageResponse {
            image: Some(image::to_wire(&image, &revision)),
            revision: Some(revision::to_wire(&revision)),
            consistency_token: consistency_token(&image),
        }))
    }

    async fn get_image(
        &self,
        request: Request<wire::GetImageRequest>,
    ) -> Result<Response<wire::GetImageResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();

        self.app.wait_for_token(&request.consistency_token).await?;
        let detail = self.app.image(&caller, &request.image).await?;

        Ok(Response::new(wire::GetImageResponse {
            image: Some(image::to_wire(&detail.image, &detail.latest)),
            active_revision: detail.active.as_ref().map(revision::to_wire),
        }))
    }

    async fn list_images(
        &self,
        request: Request<wire::ListImagesRequest>,
    ) -> Result<Response<wire::ListImagesResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let user = caller.require_user()?.id;

        let order = list::order_from_wire(&request.order_by)?;
        let filter = list::filter_from_wire(&request)?;
        let list = ["images", &format!("{filter:?}{order:?}")];
        let page = Page::parse(user, &list, request.page_size, &request.page_token, 2)?;

        self.app.wait_for_token(&request.consistency_token).await?;
        let page = self.app.images(&caller, &filter, order, &page).await?;

        let images = page.images.iter().map(|listed| image::to_wire(&listed.image, &listed.latest));
        Ok(Response::new(wire::ListImagesResponse {
            images: images.collect(),
            next_page_token: page.next_page_token,
            total_size: page.total_size,
        }))
    }

    async fn set_image_access(
        &self,
        request: Request<wire::SetImageAccessRequest>,
    ) -> Result<Response<wire::SetImageAccessResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let access = access::from_wire(request.access)?;

        self.app.wait_for_token(&request.consistency_token).await?;
        let image = self.app.set_access(&caller, &request.image, access, &request.etag).await?;
        let latest = self.app.latest_revision(&image).await?;

        Ok(Response::new(wire::SetImageAccessResponse {
            image: Some(image::to_wire(&image, &latest)),
            consistency_token: consistency_token(&image),
        }))
    }

    async fn create_revision(
        &self,
        request: Request<wire::CreateRevisionRequest>,
    ) -> Result<Response<wire::CreateRevisionResponse>, Status> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.consistency_token);
        let key = request_key(&caller, "CreateRevision", &request.request_id, &request)?;
        let source = source::of_revision(request.source)?;

        self.app.wait_for_token(&token).await?;
        let (image, revision) =
            self.app.create_revision(&caller, &request.image, source, key).await?;

        Ok(Response::new(wire::CreateRevisionResponse {
            revision: Some(revision::to_wire(&revision)),
            consistency_token: consistency_token(&image),
        }))
    }

    async fn retry_revision(
        &self,
        request: Request<wire::RetryRevisionRequest>,
    ) -> Result<Response<wire::RetryRevisionResponse>, Status> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.consistency_token);
        let key = request_key(&caller, "RetryRevision", &request.request_id, &request)?;
        let number = revision::number_from_wire(request.revision, "the newest revision")?;

        self.app.wait_for_token(&token).await?;
        let (image, revision) =
            self.app.retry_revision(&caller, &request.image, number, key).await?;

        Ok(Response::new(wire::RetryRevisionResponse {
            revision: Some(revision::to_wire(&revision)),
            consistency_token: consistency_token(&image),
        }))
    }

    async fn list_revisions(
        &self,
        request: Request<wire::ListRevisionsRequest>,
    ) -> Result<Response<wire::ListRevisionsResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let user = caller.require_user()?.id;

        let list = ["revisions", &request.image];
        let page = Page::parse(user, &list, request.page_size, &request.page_token, 1)?;

        let page = self.app.revisions(&caller, &request.image, &page).await?;

        Ok(Response::new(wire::ListRevisionsResponse {
            revisions: page.revisions.iter().map(revision::to_wire).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn resolve_image(
        &self,
        request: Request<wire::ResolveImageRequest>,
    ) -> Result<Response<wire::ResolveImageResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let platform = resolve::platform_from_wire(&request.platform)?;
        let number = revision::number_from_wire(request.revision, "the active revision")?;

        self.app.wait_for_token(&request.consistency_token).await?;
        let accelerator = resolve::accelerator_from_wire(request.accelerator)?;
        let resolved = self
            .app
            .resolve(&caller, &request.image, number, accelerator, platform.as_str())
            .await?;

        Ok(Response::new(resolve::to_wire(resolved.revision, resolved.choice)?))
    }
}

/// The policy version at which the write becomes visible to reads.
fn consistency_token(image: &Image) -> String {
    image.access_version.to_string()
}
