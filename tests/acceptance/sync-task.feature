Feature: Synchronizing between clients

  @javascript
  Scenario: Viewing a task edited by another user
    Given the following users exist:
      | email               |
      | alice@example.com   |
      | olivia@example.com  |
    Given the following task exists:
      | title             |
      | Get Cheeseburgers |
    And I am using session "Alice"
    And I sign in as "alice@example.com"
    Then I should see "Get Cheeseburgers"
    When I switch to session "Olivia"
    And I sign in as "olivia@example.com"
    And I edit the "Get Cheeseburgers" task and rename it to "Buy Cheeseburgers"
    And I switch to session "Alice"
    Then I should see "Buy Cheeseburgers"
