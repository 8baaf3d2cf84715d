package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Pages about who looks.
const (
	profilePath  = "/user/profile/"
	passwordPath = "/user/password/"
	tokensPath   = "/user/api-tokens/" //nolint:gosec // where they are
)

func (w *Web) accountRoutes(e *gin.Engine) {
	e.GET(profilePath, w.page(w.profile))
	e.POST(profilePath, w.page(w.profile))
	e.GET(passwordPath, w.page(w.password))
	e.POST(passwordPath, w.page(w.password))
	e.GET(tokensPath, w.page(w.ownTokens))
	e.POST(tokensPath, w.page(w.ownTokens))
	e.POST(tokensPath+":id/:action/", w.page(w.changeToken))
}

// self is the program itself where it serves who looks, for what they may know or do of themselves without any permission.
func (p *page) self() resource.Actor {
	actor := p.actor()
	actor.Access = resource.Everything
	return actor
}

// profile shows people what is known of them, and what they may do.
func (w *Web) profile(ctx context.Context, p *page) (answer, error) {
	if p.http.Method == http.MethodPost {
		if n, err := strconv.Atoi(p.http.PostFormValue("page_size")); err == nil && slices.Contains(pageSizes, n) {
			p.prefs.PageSize = n
		}
		if p.http.PostFormValue("reset_columns") != "" {
			p.prefs.Columns = nil
		}
		if err := p.savePreferences(ctx); err != nil {
			return answer{}, err
		}
		p.tell(ctx, "Your preferences are saved.")
		return answer{to: profilePath}, nil
	}
	found, err := w.Store.Get(ctx, w.Store.Set.Get(catalog.Users), p.self(), p.at(), int64(p.who.UserID), resource.Selection{})
	if err != nil {
		return answer{}, fmt.Errorf("read the user who looks: %w", err)
	}
	user, err := decode(found.Body)
	if err != nil {
		return answer{}, err
	}
	rights, err := p.rights(ctx, user)
	if err != nil {
		return answer{}, err
	}
	return answer{title: "Profile", body: profilePage(p, user, rights)}, nil
}

// rights are the permissions of a user: their own, and those of their groups.
func (p *page) rights(ctx context.Context, user object) ([]object, error) {
	var out []object
	seen := map[string]bool{}
	queries := []url.Values{{"user_id": {user.id()}, "limit": {"1000"}, "enabled": {"true"}}}
	if groups := user.list("groups"); len(groups) > 0 {
		ids := make([]string, len(groups))
		for i, g := range groups {
			ids[i] = g.id()
		}
		queries = append(queries, url.Values{"group_id": ids, "limit": {"1000"}, "enabled": {"true"}})
	}
	for _, q := range queries {
		body, err := p.Store.List(ctx, p.Store.Set.Get("permissions"), p.self(), p.at(), q, resource.Selection{})
		if err != nil {
			return nil, fmt.Errorf("list the permissions of user %s: %w", user.id(), err)
		}
		found, err := decode(body)
		if err != nil {
			return nil, err
		}
		for _, o := range found.list("results") {
			if !seen[o.id()] {
				seen[o.id()] = true
				out = append(out, o)
			}
		}
	}
	return out, nil
}

// typeNames names the types of objects that a permission or a custom field is for.
func (p *page) typeNames(o object) string {
	var out []string
	for _, name := range o.items("object_types") {
		if r := p.resourceOf(name); r != nil {
			name = viewOf(r).title
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// password lets people change theirs. All their other sessions end.
func (w *Web) password(ctx context.Context, p *page) (answer, error) {
	if p.http.Method != http.MethodPost {
		return answer{title: "Password", body: passwordPage(p.who.Username, nil)}, nil
	}
	chosen := seal.Secret(p.http.PostFormValue("new"))
	wrong, err := p.checkPasswords(ctx, seal.Secret(p.http.PostFormValue("old")), chosen, seal.Secret(p.http.PostFormValue("again")))
	if err != nil {
		return answer{}, err
	}
	if len(wrong) > 0 {
		return answer{status: http.StatusBadRequest, title: "Password", body: passwordPage(p.who.Username, wrong)}, nil
	}
	_, err = w.Store.Update(ctx, w.Store.Set.Get(catalog.Users), int64(p.who.UserID), resource.Request{
		At: p.at(), Actor: p.self(), Partial: true, Body: map[string]any{"password": chosen.Reveal()},
	})
	if invalid, refused := errors.AsType[resource.Errors](err); refused {
		return answer{status: http.StatusBadRequest, title: "Password", body: passwordPage(p.who.Username, map[string][]string{"new": {whole(invalid)}})}, nil
	}
	if err != nil {
		return answer{}, err
	}
	if err := w.Sessions.RenewToken(ctx); err != nil {
		return answer{}, fmt.Errorf("renew a session: %w", err)
	}
	who, err := w.Accounts.ByID(ctx, p.who.UserID)
	if err != nil {
		return answer{}, err
	}
	w.enter(ctx, who)
	p.tell(ctx, "Your password is changed. You are logged out everywhere else.")
	return answer{to: profilePath}, nil
}

// checkPasswords says what is wrong with a change of the password of who looks, by the fields of the form.
func (p *page) checkPasswords(ctx context.Context, old, chosen, again seal.Secret) (wrong map[string][]string, err error) {
	wrong = map[string][]string{}
	if texts := auth.CheckNewPassword(chosen); texts != nil {
		wrong["new"] = texts
	} else if chosen == old {
		wrong["new"] = []string{"This is your password already."}
	}
	if again != chosen {
		wrong["again"] = []string{"This is not the same as the new password."}
	}
	if old == "" {
		wrong["old"] = []string{"This field is required."}
		return wrong, nil
	}
	_, err = p.Accounts.Login(ctx, p.who.Username, old, p.Client(p.http))
	if t, ok := errors.AsType[auth.Throttled](err); ok {
		wrong["old"] = []string{t.Error()}
	} else if fault.KindOf(err) == fault.Denied {
		wrong["old"] = []string{"This is not your password."}
	} else if err != nil {
		return nil, err
	}
	return wrong, nil
}

// ownTokens lists the API tokens of who looks, and makes new ones, which are shown once.
func (w *Web) ownTokens(ctx context.Context, p *page) (answer, error) {
	r := w.Store.Set.Get(catalog.Tokens)
	f := &form{draft: draftOf(r, nil)}
	status := http.StatusOK
	fields, err := p.formFields(ctx, r, nil, p.http.PostForm, true)
	if err != nil {
		return answer{}, err
	}
	f.fields = slices.DeleteFunc(fields, func(c formField) bool { return c.name == "user" || c.name == "token" || c.name == "enabled" })
	for i := range f.fields {
		f.fields[i].group = "" // it is short
	}
	if p.http.Method == http.MethodPost {
		body, wrong := readForm(f.fields, p.http.PostForm, true)
		if len(wrong) == 0 {
			made, err := w.Store.Create(ctx, r, resource.Request{At: p.at(), Actor: p.actor(), Body: body})
			invalid, refused := errors.AsType[resource.Errors](err)
			if err == nil {
				return p.shownOnce(made)
			}
			if !refused {
				return answer{}, err
			}
			wrong = beside(r, f.fields, messages(invalid))
		}
		f.wrong, status = wrong, http.StatusBadRequest
	}
	found, err := p.read(ctx, catalog.Tokens, url.Values{"user_id": {strconv.Itoa(int(p.who.UserID))}, "limit": {"1000"}})
	if err != nil {
		return answer{}, err
	}
	return answer{status: status, title: "API tokens", body: ownTokensPage(p, f, found.list("results"))}, nil
}

// shownOnce shows the secret of a token that was just made.
func (p *page) shownOnce(made resource.Object) (answer, error) {
	o, err := decode(made.Body)
	if err != nil {
		return answer{}, err
	}
	return answer{title: "API token", body: tokenPage(o, o.text("token"), tokensPath)}, nil
}

// changeToken enables, disables or deletes a token of who looks.
func (w *Web) changeToken(ctx context.Context, p *page) (answer, error) {
	r := w.Store.Set.Get(catalog.Tokens)
	o, err := p.get(ctx, r)
	if err != nil {
		return answer{}, err
	}
	if o.sub("user").id() != strconv.Itoa(int(p.who.UserID)) {
		return answer{}, errNoPage
	}
	id, err := p.objectID()
	if err != nil {
		return answer{}, err
	}
	req := resource.Request{At: p.at(), Actor: p.actor(), Partial: true, Body: map[string]any{}}
	action := p.http.PathValue("action")
	switch action {
	case "enable", "disable":
		req.Body = map[string]any{"enabled": action == "enable"}
		_, err = w.Store.Update(ctx, r, id, req)
	case "delete":
		err = w.Store.Delete(ctx, r, id, req)
	default:
		return answer{}, errNoPage
	}
	if err != nil {
		return answer{}, err
	}
	p.tell(ctx, "The token "+o.name()+" is "+action+"d.")
	return answer{to: tokensPath}, nil
}
