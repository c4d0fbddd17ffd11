# ECR, where the image of ingest is: `make deploy` puts it there. Kafka's and Vector's are public.

locals {
  registry = aws_ecr_repository.ingest.repository_url

  ecr_pull = {
    Sid      = "Image"
    Effect   = "Allow"
    Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    Resource = [aws_ecr_repository.ingest.arn]
  }
  # A login is for the whole registry: AWS knows no resource for it.
  ecr_login = {
    Sid      = "Registry"
    Effect   = "Allow"
    Action   = ["ecr:GetAuthorizationToken"]
    Resource = "*"
  }
}

resource "aws_ecr_repository" "ingest" {
  #checkov:skip=CKV_AWS_136:The program is public; AWS's own key is enough.
  name                 = "${local.name}-ingest"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.protect

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "ingest" {
  repository = aws_ecr_repository.ingest.name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "The last ten images: as far back as an upgrade can be undone."
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 10 }
      action       = { type = "expire" }
    }]
  })
}
