# The account and region that everything is made in; credentials come as the AWS SDK finds them.

provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, { Project = var.name })
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
