//! `slipway image list`

use clap::Args;
use slipway_wire::catalog::v1::{ImageState, ImageType, ListImagesRequest, ListImagesResponse};

use crate::{
    commands::{
        image::{
            image_type::ImageTypeFlag,
            show::{state_label, type_label},
        },
        pages,
    },
    failure::Failure,
    output::{Output, notifications::notify},
    session::Session,
};

#[derive(Args)]
pub(crate) struct List {
    /// Only images of this owner: `system`, or a group's name or id.
    #[arg(long, default_value = "", hide_default_value = true)]
    owner: String,
    /// Only images of this type.
    #[arg(long = "type", value_name = "TYPE", value_enum)]
    image_type: Option<ImageTypeFlag>,
    /// Only images in this state: building, ready, failed or cancelled.
    #[arg(long)]
    state: Option<String>,
    /// Only images with this text in their name or display name; case is ignored.
    #[arg(long, default_value = "", hide_default_value = true)]
    text: String,
    /// Sort by name, display_name, create_time or update_time; add ` desc` for descending order.
    #[arg(long, value_name = "FIELD", default_value = "", hide_default_value = true)]
    order_by: String,
    /// Fetch one page of at most this many images instead of all; 0 for the service's default.
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    page_size: Option<i32>,
    /// Fetch only the page that follows the one which printed this token.
    #[arg(long, value_name = "TOKEN")]
    page_token: Option<String>,
}

impl List {
    pub(super) async fn run(self, session: &Session, output: &Output) -> Result<(), Failure> {
        let is_one_page = self.page_size.is_some() || self.page_token.is_some();
        let request = self.into_request()?;

        let response = if is_one_page {
            session.images().list_images(request).await?.into_inner()
        } else {
            fetch_all(session, request).await?
        };

        let rows = response.images.iter().map(|image| {
            vec![
                image.name.clone(),
                type_label(image),
                state_label(image),
                image.display_name.clone(),
                image.active_revision.to_string(),
            ]
        });
        let header = ["NAME", "TYPE", "STATE", "DISPLAY NAME", "REVISION"];
        output.write_list(&response, &header, rows.collect())?;

        if !response.next_page_token.is_empty() {
            notify(&format!(
                "{} images in total (counted up to 1,000). For the next page, add --page-token {}",
                response.total_size, response.next_page_token
            ));
        }
        Ok(())
    }

    fn into_request(self) -> Result<ListImagesRequest, Failure> {
        let state = match self.state {
            Some(text) => parse_state(&text)?,
            None => ImageState::Unspecified,
        };

        Ok(ListImagesRequest {
            page_size: self.page_size.unwrap_or_default(),
            page_token: self.page_token.unwrap_or_default(),
            order_by: self.order_by,
            r#type: self.image_type.map_or(ImageType::Unspecified, ImageTypeFlag::to_wire).into(),
            owner: self.owner,
            state: state.into(),
            text: self.text,
            consistency_token: String::new(),
        })
    }
}

fn parse_state(text: &str) -> Result<ImageState, Failure> {
    let name = format!("IMAGE_STATE_{}", text.to_uppercase());

    ImageState::from_str_name(&name).ok_or_else(|| {
        Failure::usage(format!(
            "`{text}` is not an image state. Use building, ready, failed or cancelled."
        ))
    })
}

async fn fetch_all(
    session: &Session,
    request: ListImagesRequest,
) -> Result<ListImagesResponse, Failure> {
    let request = ListImagesRequest { page_size: pages::LARGE_SIZE, ..request };
    let images = pages::fetch_all(async |page_token: String| -> Result<_, Failure> {
        let response = session
            .images()
            .list_images(ListImagesRequest { page_token, ..request.clone() })
            .await?
            .into_inner();
        Ok((response.images, response.next_page_token))
    })
    .await?;

    let total_size = i32::try_from(images.len()).unwrap_or(i32::MAX);
    Ok(ListImagesResponse { images, next_page_token: String::new(), total_size })
}
