curl --silent --show-error --fail-with-body "$LOCKSTEP_URL/publish" \
  --header "Authorization: Bearer $PUBLISH_SECRET" \
  --header "Content-Type: application/json" \
  --data '{
    "channel": "/sync/todos",
    "data": {
      "create": {
        "17": {
          "id": 17,
          "title": "Buy some tasty kale juice",
          "created_at": "2011-09-06T20:49:03Z",
          "updated_at": "2011-09-07T15:01:09Z"
        }
      }
    },
    "key": "todo-17-created"
  }'
