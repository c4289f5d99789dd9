package handlers

import (
	"context"
	"net/http"
	"time"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type deviceHandler struct{ notifications *services.Notifications }

func registerDevices(a *api.API, h deviceHandler) {
	api.Register(a, api.Op{
		ID: "put-device", Method: http.MethodPut, Path: "/me/devices/{id}", Tag: tagPhone, Summary: "Have a phone told of new notifications",
		Description: "Replace: the last one stands. The phone belongs to the session that sends this and is told until that ends.",
		Needs:       models.Roles, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.put)
	api.Register(a, api.Op{
		ID: "delete-device", Method: http.MethodDelete, Path: "/me/devices/{id}", Tag: tagPhone, Summary: "Have a phone told no more",
		Needs: models.Roles, Errors: []int{http.StatusNotFound},
	}, h.delete)
}

// device is a phone as the server tells it; its push token is never given out.
type device struct {
	ID        models.ID `json:"id"`
	Platform  string    `json:"platform" enum:"android,ios,harmony,web,other"`
	Provider  string    `json:"provider" enum:"log,fcm,dingtalk,webpush"`
	Name      string    `json:"name"`
	UpdatedAt time.Time `json:"updated_at"`
}

type putDeviceInput struct {
	IDInput
	Body struct {
		Platform  string `json:"platform" enum:"android,ios,harmony,web,other"`
		Provider  string `json:"provider" enum:"log,fcm,dingtalk,webpush" doc:"Who carries pushes to the phone."`
		PushToken string `json:"push_token" minLength:"1" maxLength:"4096" doc:"The phone's address with the provider."`
		Name      string `json:"name" required:"false" maxLength:"100" doc:"What the owner knows the phone by."`
	}
}

type deviceOutput struct{ Body device }

func (h deviceHandler) put(ctx context.Context, in *putDeviceInput) (*deviceOutput, error) {
	d, err := h.notifications.PutDevice(ctx, api.ActorOf(ctx), models.Device{
		ID: in.ID, Platform: in.Body.Platform, Provider: in.Body.Provider, PushToken: in.Body.PushToken, Name: in.Body.Name,
	})
	if err != nil {
		return nil, err
	}
	return &deviceOutput{device{d.ID, d.Platform, d.Provider, d.Name, d.UpdatedAt}}, nil
}

func (h deviceHandler) delete(ctx context.Context, in *IDInput) (*struct{}, error) {
	return nil, h.notifications.DeleteDevice(ctx, api.ActorOf(ctx), in.ID)
}
