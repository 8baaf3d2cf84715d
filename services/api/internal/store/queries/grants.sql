-- name: GrantsOfUser :many
-- What the enabled permissions of a user and of their groups allow.
SELECT o.object_type_id, p.actions, p.constraints
FROM permissions p JOIN permission_object_types o ON o.permission_id = p.id
WHERE p.enabled AND p.id IN (
    SELECT u.permission_id FROM permission_users u WHERE u.user_id = @user_id
    UNION ALL
    SELECT g.permission_id FROM permission_groups g JOIN user_groups m ON m.group_id = g.group_id WHERE m.user_id = @user_id)
ORDER BY p.id;
