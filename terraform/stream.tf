# Kinesis in the place of Kafka and Vector: the stream, and ingest as a container of Fargate for each
# exchange. `land` carries the lines on.

locals {
  kinesis  = var.stream == "kinesis" ? 1 : 0
  services = { for feed in var.feeds : feed.exchange => feed if local.kinesis == 1 }
}

resource "aws_kinesis_stream" "trades" {
  #checkov:skip=CKV_AWS_185:It is encrypted, with the key that AWS owns; one of one's own costs a request each.
  count = local.kinesis

  name             = "${local.name}-trades"
  shard_count      = var.kinesis_shards
  retention_period = 24
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"

  stream_mode_details {
    stream_mode = "PROVISIONED"
  }
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:Container Insights costs more than the container; alarms are made of its log.
  count = local.kinesis

  name = local.name
}

resource "aws_ecs_task_definition" "ingest" {
  for_each = local.services

  family                   = "${local.name}-ingest-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.ingest_container.cpu
  memory                   = var.ingest_container.memory
  execution_role_arn       = aws_iam_role.start[0].arn
  task_role_arn            = aws_iam_role.container[0].arn

  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }

  container_definitions = jsonencode([{
    name                   = "ingest"
    image                  = local.images.ingest
    essential              = true
    readonlyRootFilesystem = true
    # Above the 25 s that it waits for acknowledgements.
    stopTimeout = 30
    environment = [for name, value in {
      INGEST_SINK     = "kinesis"
      KINESIS_STREAM  = aws_kinesis_stream.trades[0].name
      AWS_REGION      = var.region
      INGEST_EXCHANGE = each.value.exchange
      INGEST_SYMBOLS  = join(",", each.value.symbols)
      INGEST_STREAM   = each.value.stream
      INGEST_BOOKS    = tostring(var.books)
      INGEST_LISTEN   = "0.0.0.0:${local.live_port}"
      # A restart loses the lines that wait: so not before Kinesis has been away for long.
      INGEST_HEALTH_SECONDS = "1200"
    } : { name = name, value = value } if value != null]
    healthCheck = {
      command     = ["CMD", "/ingest", "--health"]
      interval    = 30
      timeout     = 5
      retries     = 3
      startPeriod = 60
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-region        = var.region
        awslogs-group         = aws_cloudwatch_log_group.containers["ingest"].name
        awslogs-stream-prefix = each.key
        mode                  = "non-blocking"
        max-buffer-size       = "4m"
      }
    }
  }])
}

resource "aws_ecs_service" "ingest" {
  #checkov:skip=CKV_AWS_333:Exchanges are on the internet, and an address is a tenth of a NAT gateway; the group has no inbound rule.
  for_each = local.services

  name            = "ingest-${each.key}"
  cluster         = aws_ecs_cluster.this[0].arn
  task_definition = aws_ecs_task_definition.ingest[each.key].arn
  launch_type     = "FARGATE"
  desired_count   = 1
  # The old one ends before the new one begins: two would write every trade twice.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  network_configuration {
    subnets          = local.public_subnet_ids
    security_groups  = [aws_security_group.ingest.id]
    assign_public_ip = true
  }

  depends_on = [aws_iam_role_policy.start, aws_iam_role_policy.container]
}

locals {
  ecs_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role" "start" {
  count = local.kinesis

  name               = "${local.name}-ingest-start"
  description        = "What Fargate may do to start ingest: load its image, write its log."
  assume_role_policy = local.ecs_tasks
}

resource "aws_iam_role_policy" "start" {
  #checkov:skip=CKV_AWS_355:Registry names everything, since AWS knows no resource for it.
  #checkov:skip=CKV_AWS_290:The same.
  count = local.kinesis

  name = "start"
  role = aws_iam_role.start[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.ecr_pull,
      local.ecr_login,
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.containers["ingest"].arn}:log-stream:*"]
      },
    ]
  })
}

resource "aws_iam_role" "container" {
  count = local.kinesis

  name               = "${local.name}-ingest-container"
  description        = "What ingest may do: write to the stream."
  assume_role_policy = local.ecs_tasks
}

resource "aws_iam_role_policy" "container" {
  count = local.kinesis

  name = "ingest"
  role = aws_iam_role.container[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Stream"
      Effect   = "Allow"
      Action   = ["kinesis:PutRecords"]
      Resource = [aws_kinesis_stream.trades[0].arn]
    }]
  })
}
